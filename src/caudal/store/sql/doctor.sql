-- name: server_version
-- Which PostgreSQL answers.
select current_setting('server_version_num')::int as number, current_setting('server_version') as text

-- name: migration_table
-- Whether any migration has run.
select to_regclass('public.caudal_migration')::text as name

-- name: migration_revision
-- The revision the schema stands at.
select version_num as revision from public.caudal_migration

-- name: broken_links
-- Observations without a transaction, and transactions without an observation: there must be none.
select
    (select count(*) from caudal.observation o where o.space_id = %(space_id)s and not exists
        (select from caudal.observation_link l
        where l.space_id = o.space_id and l.observation_id = o.observation_id)) as unlinked_observations,
    (select count(*) from caudal.transaction t where t.space_id = %(space_id)s and not exists
        (select from caudal.observation_link l
        where l.space_id = t.space_id and l.transaction_id = t.transaction_id)) as unfounded_transactions

-- name: strayed_transactions
-- Transactions that do not say what the observation they follow says, or follow one that isn't theirs, or isn't the
-- latest of its chain that is, or are on another account than the source account that tells of them: there must be none.
select count(*) as strayed
from caudal.transaction t
left join lateral (
    select * from caudal.observation each
    where each.space_id = t.space_id and each.observation_id = t.follows
    offset 0
) o on true
left join lateral (
    select each.transaction_id from caudal.observation_link each
    where each.space_id = t.space_id and each.observation_id = t.follows
    offset 0
) l on true
where t.space_id = %(space_id)s and (
    not t.concluded and (t.amount, t.currency, t.booked_on, t.status, t.gone_at is not null, t.transaction_id)
    is distinct from (o.amount, o.currency, o.booked_on, o.status, o.gone, l.transaction_id)
    or t.account_id is distinct from (
        select s.account_id from caudal.source_account s
        where s.space_id = o.space_id and s.source_account_id = o.source_account_id)
    or exists (select from caudal.observation later
        join caudal.observation_link theirs
            on theirs.space_id = later.space_id and theirs.observation_id = later.observation_id
        where later.space_id = o.space_id and later.source_account_id = o.source_account_id
            and later.provider_id = o.provider_id and later.version > o.version
            and theirs.transaction_id = t.transaction_id))

-- name: strayed_transfers
-- Transfers, and questions about them, of which a side is not in the ledger, or that are no money out here and in there on
-- another account: there must be none.
select count(*) as strayed
from (
    select space_id, out_id, into_id from caudal.transfer
    union all
    select space_id, out_id, into_id from caudal.transfer_doubt
) pair
join caudal.transaction o on o.space_id = pair.space_id and o.transaction_id = pair.out_id
join caudal.transaction i on i.space_id = pair.space_id and i.transaction_id = pair.into_id
where pair.space_id = %(space_id)s and (
    o.gone_at is not null or i.gone_at is not null or o.account_id = i.account_id or o.amount >= 0 or i.amount <= 0)

-- name: strayed_days
-- Days of accounts that do not add up from their transactions: there must be none.
with days as (
    select account_id, currency, coalesce(entered_on, booked_on) as day,
        coalesce(sum(amount) filter (where status = 'booked'), 0) as booked,
        count(*) filter (where status = 'booked') as booked_count,
        count(*) filter (where status = 'pending') as pending_count
    from caudal.transaction
    where space_id = %(space_id)s and gone_at is null
    group by 1, 2, 3
)
select count(*) as strayed
from days
full join (select * from caudal.account_day where space_id = %(space_id)s) kept
    using (account_id, currency, day)
where (coalesce(days.booked, 0), coalesce(days.booked_count, 0), coalesce(days.pending_count, 0))
    is distinct from (coalesce(kept.booked, 0), coalesce(kept.booked_count, 0), coalesce(kept.pending_count, 0))

-- name: unsaid_transactions
-- Transactions whose day, by what was gathered of it, doesn't say what they say: there must be none, or searches miss them.
select count(*) as strayed
from caudal.transaction t
left join caudal.search_day d on d.space_id = t.space_id and d.day = t.booked_on
where t.space_id = %(space_id)s and t.gone_at is null and (d.day is null or not d.stale and (
    abs(t.amount) not between d.smallest and d.largest
    or position(chr(10) || caudal.amount_mark(t.amount) || chr(10) in d.marks) = 0
    or position(chr(10) || '$' || t.currency || chr(10) in d.marks) = 0
    or t.category <> '' and position(chr(10) || '#' || t.category || chr(10) in d.marks) = 0
    or position(chr(10) || '=' || chr(10) in d.marks) = 0 and exists (
        select from caudal.transfer f
        where f.space_id = t.space_id and t.transaction_id in (f.out_id, f.into_id))
    or exists (
        select
        from regexp_split_to_table(
            caudal.folded(t.description || chr(10) || t.counterparty || chr(10) || t.reference), '\s+') word
        where position(word in d.words) = 0)))

-- name: unfinished_runs
-- Runs that began and never ended: a process died in them. Their pages are safe; importing again finishes them.
select count(*) as unfinished from caudal.run where space_id = %(space_id)s and outcome = 'running'

-- name: catalogue
-- The schema as the server has it: tables, columns, constraints, indexes, policies, rights, functions.
select line from (
    select 1 as part, c.relname as thing, a.attnum::int as place,
        format('table %%s: column %%s %%s%%s%%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = to_regnamespace('caudal') and a.attnum > 0 and not a.attisdropped
    union all
    select 2, c.relname, 0, format('table %%s: constraint %%s %%s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    where c.relnamespace = to_regnamespace('caudal') and k.contype <> 'n'
    union all
    select 3, tablename, 0, format('table %%s: index %%s', tablename, indexdef)
    from pg_indexes where schemaname = 'caudal'
    union all
    select 4, tablename, 0, format('table %%s: policy %%s for %%s to %%s using %%s check %%s', tablename, policyname, cmd,
        roles::text, qual, with_check)
    from pg_policies where schemaname = 'caudal'
    union all
    select 5, c.relname, 0, format('table %%s: row security %%s, forced %%s, owned by %%s', c.relname, c.relrowsecurity,
        c.relforcerowsecurity, pg_get_userbyid(c.relowner))
    from pg_class c where c.relnamespace = to_regnamespace('caudal') and c.relkind in ('r', 'p')
    union all
    select 6, table_name, 0, format('table %%s: %%s may %%s', table_name, grantee,
        string_agg(lower(privilege_type), ', ' order by privilege_type))
    from information_schema.role_table_grants
    where table_schema = 'caudal' and grantee <> grantor
    group by table_name, grantee
    union all
    select 7, proname, 0, format('function %%s: %%s', proname, pg_get_function_result(oid))
    from pg_proc where pronamespace = to_regnamespace('caudal')
) described
order by thing, part, place, line

-- name: queue_faults
-- Jobs: those at a worker that has been silent twice as long as any may be, or that has had them for longer than any job
-- takes (I15), those that are due and nobody takes although workers are there, those that failed for good, and how many
-- workers are there.
select
    (select count(*) from caudal_jobs.procrastinate_jobs j
        left join caudal_jobs.procrastinate_workers w on w.id = j.worker_id
        where j.status = 'doing'
            and (w.id is null or w.last_heartbeat < now() - make_interval(secs => 2 * %(silent_seconds)s)
                or (select max(e.at) from caudal_jobs.procrastinate_events e where e.job_id = j.id and e.type = 'started')
                    < now() - make_interval(secs => %(waiting_seconds)s))) as stalled,
    (select count(*) from caudal_jobs.procrastinate_jobs j
        where j.status = 'todo' and j.scheduled_at < now() - make_interval(secs => %(waiting_seconds)s)) as overdue,
    (select count(*) from caudal_jobs.procrastinate_jobs j where j.status = 'todo') as waiting,
    (select count(*) from caudal_jobs.procrastinate_jobs j where j.status = 'failed') as dead,
    (select count(*) from caudal_jobs.procrastinate_workers w
        where w.last_heartbeat >= now() - make_interval(secs => %(silent_seconds)s)) as workers

-- name: inbox_faults
-- Webhooks that were answered 200 and end as neither done nor dead, for no job is queued that would work them off (I4); and
-- those that are dead and wait for a person (I5).
select
    count(*) filter (where i.state = 'new' and not exists (
        select from caudal_jobs.procrastinate_jobs j
        where j.queue_name = 'inbox' and j.status in ('todo', 'doing'))) as forgotten,
    count(*) filter (where i.state = 'new') as waiting,
    count(*) filter (where i.state = 'dead') as dead
from caudal.inbox i
where i.state in ('new', 'dead')

-- name: connection_faults
-- Connections that are live and not watched, or ended and watched still; runs of workers that are neither at work nor
-- queued; cursors that moved while no run was (I6); what was written of connections after they ended, in the order of
-- commits (I11).
select
    (select count(*) from caudal.connection c
        where c.reference is not null and c.state <> 'revoked' and not exists (
            select from caudal.schedule s
            where s.space_id = c.space_id and s.connection_id = c.connection_id)) as unwatched,
    (select count(*) from caudal.schedule s
        join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
        where c.state = 'revoked') as watched_after_end,
    (select count(*) from caudal.run r
        join caudal.schedule s on s.space_id = r.space_id and s.connection_id = r.connection_id
        where r.outcome = 'running' and r.cause in ('webhook', 'schedule', 'backfill') and not exists (
            select from caudal_jobs.procrastinate_jobs j
            where j.status in ('todo', 'doing') and j.lock = 'connection:' || r.connection_id)) as abandoned_runs,
    (select count(*) from caudal.cursor k
        where not exists (
            select from caudal.run r
            where r.space_id = k.space_id and r.connection_id = k.connection_id and r.stream = k.stream
                and k.updated_at between r.started_at and coalesce(r.finished_at, 'infinity'))) as strayed_cursors,
    (select count(*) from (
            select e.space_id, e.connection_id, max(e.seq) as seq
            from caudal.event e
            where e.kind = 'connection.state' and e.data ->> 'state' = 'revoked'
            group by e.space_id, e.connection_id
        ) ended
        join caudal.event later on later.space_id = ended.space_id and later.connection_id = ended.connection_id
            and later.seq > ended.seq
        where later.kind like 'transactions.%%' or later.kind = 'balance.updated') as late_writes

-- name: event_faults
-- Spaces whose events have gaps or don't end where the space says; transactions that came about and were never told, of
-- those since the space tells of them; accounts that don't add up, which was told last to be mended, or never told (I3).
with counted as (
    select s.space_id, s.last_event, count(e.seq) as events, coalesce(max(e.seq), 0) as last, min(e.at) as first_at
    from caudal.space s
    left join caudal.event e on e.space_id = s.space_id
    group by s.space_id, s.last_event
), told as materialized (
    select e.space_id, each.id::uuid as transaction_id
    from caudal.event e
    cross join lateral jsonb_array_elements_text(e.data -> 'ids') each (id)
    where e.kind in ('transactions.created', 'transactions.updated', 'transactions.settled')
)
select
    (select count(*) from counted where last_event <> last or events <> last) as gaps,
    (select count(*) from caudal.transaction t
        join counted on counted.space_id = t.space_id and t.created_at >= counted.first_at
        left join told on told.space_id = t.space_id and told.transaction_id = t.transaction_id
        where told.transaction_id is null and t.gone_at is null) as untold,
    (select count(*) from caudal.proof p
        join caudal.account a on a.space_id = p.space_id and a.account_id = p.account_id
        join counted on counted.space_id = p.space_id and a.created_at >= counted.first_at
        where p.verdict = 'off' and 'proof.broken' is distinct from (
            select e.kind from caudal.event e
            where e.space_id = p.space_id and e.account_id = p.account_id
                and e.kind in ('proof.broken', 'proof.mended') and e.data ->> 'currency' = p.currency
            order by e.seq desc limit 1)) as unraised
