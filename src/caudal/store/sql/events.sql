-- name: write_events
-- What happened in this transaction, and what is told beside it, at the end of the space's events. The last statement of
-- its transaction: from here to the commit nobody else writes an event of the space, so that their order is that of
-- the commits. Of many alike 500 are told together.
with alike as (
    select kind, account_id, transaction_id,
        (row_number() over (partition by kind, account_id order by transaction_id) - 1) / 500 as part
    from happened
    where data is null and transaction_id is not null
), told as (
    select kind, null::uuid as connection_id, account_id,
        jsonb_build_object('ids', jsonb_agg(transaction_id order by transaction_id)) as data
    from alike
    group by kind, account_id, part
    union all
    select kind, null, account_id, data from happened where data is not null
    union all
    select kind, connection_id, account_id, data
    from jsonb_to_recordset(%(rows)s) as row (kind text, connection_id uuid, account_id uuid, data jsonb)
), placed as (
    select told.*, row_number() over () as place, count(*) over () as total from told
), counted as (
    update caudal.space set last_event = last_event + (select count(*) from told)
    where space_id = %(space_id)s and exists (select from told)
    returning last_event
)
insert into caudal.event (space_id, seq, kind, connection_id, account_id, data)
select %(space_id)s, counted.last_event - placed.total + placed.place, placed.kind,
    coalesce(placed.connection_id, %(connection_id)s), placed.account_id, placed.data
from placed
cross join counted

-- name: list_events
-- A space's events after one of them, in their order.
select seq, at, kind, connection_id, account_id, data::text as data
from caudal.event
where space_id = %(space_id)s and seq > %(after)s
order by seq
limit %(limit)s

-- name: last_event
-- Where a space's events end.
select last_event as seq from caudal.space where space_id = %(space_id)s
