-- name: keep_webhooks
-- Webhooks as they came, verified and sealed; where any is new, the job that works them off. Returns those that weren't
-- there already. The caller sorts them, and the count has the job come after all of them: two that keep the same ones
-- must not wait for each other.
with new as (
    insert into caudal.inbox (provider, event_key, received_at, wrapping_key, sealed)
    select provider, event_key, received_at, wrapping_key, sealed
    from unnest(%(providers)b::text[], %(event_keys)b::text[], %(received)b::timestamptz[], %(wrapping_keys)b::text[],
        %(sealed)b::bytea[]) as row (provider, event_key, received_at, wrapping_key, sealed)
    on conflict on constraint inbox_event_unique do nothing
    returning provider, event_key
), job as (
    insert into caudal_jobs.procrastinate_jobs as queued (queue_name, task_name, priority, queueing_lock, scheduled_at)
    select queue, queue, %(priority)s, queue, now()
    from (values (%(queue)s::text)) as work (queue)
    where (select count(*) from new) > 0
    on conflict (queueing_lock) where status = 'todo' do update set
        priority = greatest(queued.priority, excluded.priority),
        scheduled_at = least(queued.scheduled_at, excluded.scheduled_at)
)
select provider, event_key from new

-- name: due_webhooks
-- The webhooks to be worked off now, in the order in which they came.
select inbox_id, provider, event_key, received_at, attempts, wrapping_key, sealed
from caudal.inbox
where state = 'new' and due_at <= now()
order by inbox_id
limit %(limit)s

-- name: webhooks_since
-- A provider's webhooks received since then, whatever became of them, the latest first.
select inbox_id, provider, event_key, received_at, attempts, wrapping_key, sealed
from caudal.inbox
where provider = %(provider)s and received_at >= %(received)s
order by inbox_id desc
limit %(limit)s

-- name: hold_webhooks
-- Of these webhooks those that still are to be worked off, and that nobody else is working off now.
select inbox_id from caudal.inbox
where inbox_id = any (%(ids)s) and state = 'new'
order by inbox_id
for update skip locked

-- name: settle_webhooks
-- What became of webhooks: done, dead, or to be tried again in so many seconds.
update caudal.inbox i set state = row.state, outcome = row.outcome, error = row.error, attempts = i.attempts + 1,
    due_at = now() + make_interval(secs => row.seconds),
    done_at = case when row.state <> 'new' then now() end
from jsonb_to_recordset(%(rows)s) as row (inbox_id uuid, state text, outcome text, error text, seconds integer)
where i.inbox_id = row.inbox_id

-- name: next_webhook
-- In how many seconds the next webhook is to be worked off; no row where none is left.
select ceil(greatest(extract(epoch from min(due_at) - now()), 0))::integer as seconds
from caudal.inbox
where state = 'new'
having count(*) > 0

-- name: note_need
-- A connection that works will need its person: why, for what, by when. Its state is as it is.
update caudal.connection set needed_by = %(by)s, needed_reason = %(reason)s, needed_action = %(action)s,
    updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s and state in ('active', 'degraded')
    and (needed_by, needed_reason, needed_action) is distinct from (%(by)s, %(reason)s, %(action)s)
returning state

-- name: list_webhooks
-- The inbox, the latest first.
select inbox_id, provider, received_at, state, attempts, outcome, error, done_at
from caudal.inbox
where (%(state)s::text is null or state = %(state)s) and (%(provider)s::text is null or provider = %(provider)s)
order by inbox_id desc
limit %(limit)s

-- name: find_webhook
-- One webhook, sealed.
select inbox_id, provider, received_at, state, attempts, outcome, error, done_at, event_key, wrapping_key, sealed
from caudal.inbox
where inbox_id = %(inbox_id)s

-- name: replay_webhooks
-- These webhooks, or all dead ones, are to be worked off again.
update caudal.inbox set state = 'new', attempts = 0, due_at = now(), done_at = null
where case when %(ids)s::uuid[] is null then state = 'dead' else inbox_id = any (%(ids)s::uuid[]) end
returning inbox_id

-- name: forget_webhooks
-- Webhooks that were done long ago, a batch at a time.
delete from caudal.inbox
where inbox_id in (
    select inbox_id from caudal.inbox
    where state = 'done' and done_at < now() - make_interval(days => %(days)s)
    order by done_at
    limit %(limit)s
)

-- name: webhook_keys_in_use
-- How many webhooks each wrapping key holds.
select wrapping_key, count(*) as webhooks from caudal.inbox group by wrapping_key

-- name: webhooks_to_reseal
-- Webhooks not yet sealed under the primary key, a batch at a time.
select inbox_id, provider, event_key, received_at, attempts, wrapping_key, sealed
from caudal.inbox
where wrapping_key <> %(wrapping_key)s
order by inbox_id
limit %(limit)s
for update

-- name: reseal_webhooks
-- The same webhooks, sealed anew.
update caudal.inbox i set wrapping_key = %(wrapping_key)s, sealed = row.sealed
from unnest(%(ids)s::uuid[], %(sealed)s::bytea[]) as row (inbox_id, sealed)
where i.inbox_id = row.inbox_id
