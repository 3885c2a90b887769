-- name: enqueue
-- Work for the workers. A job that is queued already is not queued twice: it moves forward, where this one is sooner or
-- more urgent.
insert into caudal_jobs.procrastinate_jobs as queued
    (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
select queue, task, priority, lock, queueing_lock, args, now() + make_interval(secs => seconds)
from jsonb_to_recordset(%(rows)s) as row (queue text, task text, priority integer, lock text, queueing_lock text,
    args jsonb, seconds float8)
on conflict (queueing_lock) where status = 'todo' do update set
    priority = greatest(queued.priority, excluded.priority),
    scheduled_at = least(queued.scheduled_at, excluded.scheduled_at)

-- name: enqueue_syncs
-- The same for syncs of connections, as long as they are live and not paused, and never sooner than their provider allowed.
insert into caudal_jobs.procrastinate_jobs as queued
    (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
select 'sync', 'sync', row.priority, 'connection:' || s.connection_id, 'sync:' || s.connection_id,
    jsonb_build_object('space', s.space_id, 'connection', s.connection_id, 'cause', row.cause),
    greatest(now() + make_interval(secs => row.seconds), s.held_until)
from jsonb_to_recordset(%(rows)s) as row (space_id uuid, connection_id uuid, cause text, priority integer,
    seconds float8)
join caudal.schedule s on s.space_id = row.space_id and s.connection_id = row.connection_id and s.paused_at is null
on conflict (queueing_lock) where status = 'todo' do update set
    priority = greatest(queued.priority, excluded.priority),
    scheduled_at = least(queued.scheduled_at, excluded.scheduled_at),
    args = case when excluded.priority > queued.priority then excluded.args else queued.args end

-- name: announce
-- Tell listening workers that there is work, after the transaction that queued it: a NOTIFY within would make all
-- commits of the server take turns.
select name
from unnest(%(queues)s::text[]) as queue (name),
    pg_notify('procrastinate_any_queue_v1', '{"type": "job_inserted", "job_id": 0}') as every,
    pg_notify('procrastinate_queue_v1#' || name, '{"type": "job_inserted", "job_id": 0}') as one

-- name: rescue_jobs
-- Jobs whose worker is gone, or that a worker of ours let go of without that being written (`dropped`), are queued again.
-- Those that were lost too often end as failed, to be seen. Where the same work is queued already, that is it.
with lost as (
    select j.id, j.attempts, j.queueing_lock
    from caudal_jobs.procrastinate_jobs j
    left join caudal_jobs.procrastinate_workers w on w.id = j.worker_id
    where j.status = 'doing'
        and (w.id is null or w.last_heartbeat < now() - make_interval(secs => %(silent_seconds)s)
            or (j.worker_id = any (%(own)s::bigint[]) and j.id = any (%(dropped)s::bigint[])))
    order by j.id
    for update of j skip locked
), queued as (
    select distinct on (coalesce(l.queueing_lock, l.id::text)) l.id
    from lost l
    where l.attempts < %(attempts_max)s and not exists (
        select from caudal_jobs.procrastinate_jobs other
        where other.queueing_lock = l.queueing_lock and other.status = 'todo')
    order by coalesce(l.queueing_lock, l.id::text), l.id
)
update caudal_jobs.procrastinate_jobs j set
    status = case
        when q.id is not null then 'todo'
        when l.attempts >= %(attempts_max)s then 'failed'
        else 'aborted'
    end::caudal_jobs.procrastinate_job_status,
    attempts = j.attempts + 1, worker_id = null, scheduled_at = now()
from lost l
left join queued q on q.id = l.id
where j.id = l.id

-- name: forget_workers
-- Workers that stopped beating, once nothing of theirs is left.
delete from caudal_jobs.procrastinate_workers w
where w.last_heartbeat < now() - make_interval(secs => %(silent_seconds)s)
    and not exists (select from caudal_jobs.procrastinate_jobs j where j.worker_id = w.id and j.status = 'doing')

-- name: forget_jobs
-- What ended some time ago without anybody having to look at it.
delete from caudal_jobs.procrastinate_jobs j
where j.status in ('succeeded', 'aborted', 'cancelled')
    and not exists (select from caudal_jobs.procrastinate_events e
        where e.job_id = j.id and e.at > now() - make_interval(hours => %(hours)s))

-- name: dead_jobs
-- The dead-letter list: jobs that failed for good, the latest first.
select j.id, j.queue_name as queue, j.task_name as task, j.args::text as args, j.attempts,
    (select max(e.at) from caudal_jobs.procrastinate_events e where e.job_id = j.id) as died_at
from caudal_jobs.procrastinate_jobs j
where j.status = 'failed'
order by j.id desc
limit %(limit)s

-- name: revive_jobs
-- Dead jobs, all or these, queued again, unless the same work is.
update caudal_jobs.procrastinate_jobs j set status = 'todo', attempts = 0, scheduled_at = now(), worker_id = null
where j.status = 'failed' and (%(ids)s::bigint[] is null or j.id = any (%(ids)s::bigint[]))
    and not exists (select from caudal_jobs.procrastinate_jobs other
        where other.queueing_lock = j.queueing_lock
            and (other.status = 'todo' or (other.status = 'failed' and other.id > j.id)))

-- name: queue_depths
-- What waits and runs, by queue, and how long the oldest that is due has waited.
select j.queue_name as queue, count(*) filter (where j.status = 'todo') as waiting,
    count(*) filter (where j.status = 'doing') as running, count(*) filter (where j.status = 'failed') as dead,
    coalesce(extract(epoch from now() - min(j.scheduled_at) filter (where j.status = 'todo' and j.scheduled_at <= now())),
        0)::float8 as oldest_seconds
from caudal_jobs.procrastinate_jobs j
where j.status in ('todo', 'doing', 'failed')
group by j.queue_name
order by j.queue_name

-- name: enqueue_due
-- The scheduler's tick: connections that are due are queued and become due again later. Several schedulers share the work:
-- what one has locked the others pass over. `cadences`: provider → seconds between two pulls, and how many unattended
-- pulls a day its banks bear (null: as many as one likes); '' stands for every other provider. `limit`: how many wait in
-- the queue at most: what is due can wait in the schedule, where it costs nothing.
with cadence as (
    select provider, every_seconds, unattended_max
    from jsonb_to_recordset(%(cadences)s) as row (provider text, every_seconds integer, unattended_max integer)
), due as (
    select s.space_id, s.connection_id, s.held_until, c.every_seconds, c.unattended_max,
        case when s.unattended_on = (now() at time zone 'UTC')::date then s.unattended else 0 end as unattended
    from caudal.schedule s
    cross join lateral (
        select * from cadence where cadence.provider in (s.provider, '') order by cadence.provider desc limit 1
    ) c
    where s.due_at <= now() and s.paused_at is null
    order by s.due_at
    limit greatest(0, %(limit)s - (
        select count(*) from caudal_jobs.procrastinate_jobs where status = 'todo' and scheduled_at <= now()))
    for update of s skip locked
), moved as (
    update caudal.schedule s set
        due_at = now() + make_interval(secs => d.every_seconds * (0.8 + 0.2 * random())),
        unattended_on = (now() at time zone 'UTC')::date,
        unattended = d.unattended
            + case when d.unattended_max is null or d.unattended < d.unattended_max then 1 else 0 end
    from due d
    where s.space_id = d.space_id and s.connection_id = d.connection_id
    returning s.space_id, s.connection_id, d.held_until,
        d.unattended_max is null or d.unattended < d.unattended_max as allowed, s.backfilling
)
insert into caudal_jobs.procrastinate_jobs as queued
    (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
select 'sync', 'sync', case when backfilling then %(backfill_priority)s else %(priority)s end,
    'connection:' || connection_id, 'sync:' || connection_id,
    jsonb_build_object('space', space_id, 'connection', connection_id, 'cause', 'schedule'),
    greatest(now(), held_until)
from moved
where allowed
on conflict (queueing_lock) where status = 'todo' do nothing

-- name: settle_schedule
-- After a run: when the connection is due next, and how it did.
update caudal.schedule set
    due_at = case when %(polled)s then
        now() + make_interval(secs => greatest(%(due_seconds)s::float8, %(held_seconds)s::float8)) end,
    held_until = now() + make_interval(secs => %(held_seconds)s::float8), backfilling = %(backfilling)s,
    failures = case when %(good)s then 0 when %(failed)s then failures + 1 else failures end,
    last_good_at = case when %(good)s then now() else last_good_at end
where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: failures_of
-- How many runs of a connection have failed in a row.
select failures
from caudal.schedule
where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: connections_of
-- Which connections a provider means by these references.
select space_id, connection_id, provider, reference
from caudal.schedule
where provider = %(provider)s and reference = any (%(references)s)
