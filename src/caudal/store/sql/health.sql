-- name: schema_revision
-- The revision the schema stands at, None before the first migration.
select max(version_num) as revision from public.caudal_migration

-- name: add_calls
-- Calls to providers, added to those that were counted before. In one order, so that processes don't wait for each other
-- in a circle.
insert into caudal.call_count as kept (hour, provider, institution, operation, outcome, calls, ms_sum, took)
select hour, provider, institution, operation, outcome, calls, ms_sum, took
from jsonb_to_recordset(%(rows)s) as row (hour timestamptz, provider text, institution text, operation text,
    outcome text, calls bigint, ms_sum bigint, took bigint[])
order by hour, provider, institution, operation, outcome
on conflict on constraint call_count_pk do update set
    calls = kept.calls + excluded.calls, ms_sum = kept.ms_sum + excluded.ms_sum,
    took = (
        select array_agg(coalesce(before, 0) + coalesce(added, 0) order by place)
        from unnest(kept.took, excluded.took) with ordinality as bucket (before, added, place))

-- name: forget_calls
-- What was counted longer ago than anybody looks at.
delete from caudal.call_count where hour < now() - make_interval(days => %(days)s)

-- name: recent_calls
-- Calls of the last hours, by provider, institution and how they ended.
select provider, institution, outcome, array_agg(calls order by place) as took
from (
    select c.provider, c.institution, c.outcome, bucket.place, sum(bucket.calls)::bigint as calls
    from caudal.call_count c
    cross join lateral unnest(c.took) with ordinality as bucket (calls, place)
    where c.hour > now() - make_interval(hours => %(hours)s)
    group by c.provider, c.institution, c.outcome, bucket.place
) added
group by provider, institution, outcome
order by provider, institution, outcome

-- name: connections_health
-- How the live connections of the spaces entered stand, and how their runs of the last hours went.
select c.space_id, c.connection_id, c.provider, c.label, c.reference, coalesce(i.reference, '') as institution_reference,
    coalesce(i.name, '') as institution, c.state,
    case when c.state_reason = '' then c.needed_reason else c.state_reason end as reason,
    case when c.state_reason = '' then c.needed_action else c.state_action end as action,
    case when s.paused_at is null then s.due_at end as due_at, s.paused_at, case when s.held_until > now() then s.held_until end as held_until,
    coalesce(s.failures, 0) as failures, coalesce(s.backfilling, false) as backfilling, good.at as last_good_at,
    extract(epoch from now() - good.at)::bigint as lag_seconds,
    extract(epoch from now() - coalesce(s.since, c.created_at))::bigint as known_seconds,
    recent.runs, recent.complete, recent.p50_ms, recent.p95_ms, failed.errors
from caudal.connection c
left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
left join caudal.schedule s on s.space_id = c.space_id and s.connection_id = c.connection_id
cross join lateral (
    select count(*) as runs, count(*) filter (where outcome = 'complete') as complete,
        max(finished_at) filter (where outcome = 'complete') as good_at,
        percentile_disc(0.5) within group (order by ms) as p50_ms,
        percentile_disc(0.95) within group (order by ms) as p95_ms
    from (
        select r.outcome, r.finished_at, (extract(epoch from r.finished_at - r.started_at) * 1000)::bigint as ms
        from caudal.run r
        where r.space_id = c.space_id and r.connection_id = c.connection_id and r.outcome <> 'running'
            and r.started_at > now() - make_interval(hours => %(hours)s)
    ) ended
) recent
cross join lateral (
    select coalesce(jsonb_object_agg(class, runs), '{}') as errors
    from (
        select coalesce(nullif(r.error_class, ''), r.outcome) as class, count(*) as runs
        from caudal.run r
        where r.space_id = c.space_id and r.connection_id = c.connection_id and r.outcome in ('partial', 'failed')
            and r.started_at > now() - make_interval(hours => %(hours)s)
        group by 1
    ) classes
) failed
cross join lateral (select greatest(s.last_good_at, recent.good_at) as at) good
where c.reference is not null and c.state <> 'revoked'
order by c.provider, institution, c.label, c.space_id, c.connection_id

-- name: inbox_health
-- Webhooks that wait to be worked off, how long the oldest of those that are due has, and those nobody could make sense of.
select waiting.count as waiting, waiting.oldest_seconds, dead.count as dead
from (
    select count(*) as count,
        coalesce(extract(epoch from now() - min(due_at) filter (where due_at <= now())), 0)::bigint as oldest_seconds
    from caudal.inbox where state = 'new'
) waiting
cross join (select count(*) as count from caudal.inbox where state = 'dead') dead

-- name: workers_health
-- The workers that beat or hold work, how long each has been silent, and how many jobs it is at.
select w.id, extract(epoch from now() - w.last_heartbeat)::bigint as silent_seconds, count(j.id) as running
from caudal_jobs.procrastinate_workers w
left join caudal_jobs.procrastinate_jobs j on j.worker_id = w.id and j.status = 'doing'
group by w.id, w.last_heartbeat
order by w.id

-- name: provider_lags
-- By provider, how long ago the last good run was of the connection where that is longest; of those it is for us to pull.
select provider, max(extract(epoch from now() - coalesce(last_good_at, since)))::bigint as seconds
from caudal.schedule
where due_at is not null and paused_at is null
group by provider
order by provider

-- name: provider_breaks
-- By provider, the accounts of the spaces entered whose ledger doesn't add up to their balances.
select c.provider, count(distinct (p.space_id, p.account_id, p.currency)) as accounts
from caudal.proof p
join caudal.source_account s on s.space_id = p.space_id and s.account_id = p.account_id and s.gone_at is null
join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
where p.verdict = 'off'
group by c.provider
order by c.provider
