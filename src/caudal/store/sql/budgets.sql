-- name: book_turns
-- Turns of one operation, for each wish as many as it names (0: none, only how it stands), by the generic cell rate
-- algorithm: `turn_at` is when a bucket would be full again, a turn comes at most `tolerance` before it and moves it by
-- `step`. Given are those that are due within `spread` of the first; where that is further off than `wait_max`, none.
-- An item's turns begin no earlier than everybody's (item ''), without which they are of no use.
-- Offsets count from statement_timestamp(): one moment for the whole statement, before any wait for another's lock.
-- `raced`: another made the bucket at the same moment, and what is answered of it is not to be used.
with wish as (
    select * from unnest(%(items)s::text[], %(turns)s::integer[], %(steps)s::interval[], %(tolerances)s::interval[],
        %(not_before)s::interval[]) as row (item, turns, step, tolerance, not_before)
), locked as materialized (
    select b.item, b.turn_at, b.held_until
    from caudal.budget b
    where b.provider = %(provider)s and b.operation = %(operation)s
        and b.item = any (array(select w.item from wish w where w.turns > 0))
    order by b.item
    for no key update
), known as (
    select w.*, l.item is not null as there, l.turn_at, greatest(l.held_until, b.held_until) as held_until
    from wish w
    left join locked l on l.item = w.item
    left join caudal.budget b
        on b.provider = %(provider)s and b.operation = %(operation)s and b.item = w.item
), free as (
    select k.*, greatest(statement_timestamp() + k.not_before, k.turn_at - k.tolerance, k.held_until) as at
    from known k
), start as (
    select f.item, greatest(f.at, everybody.at) as at
    from free f
    left join free everybody on everybody.item = ''
), granted as (
    select k.item, k.there, k.turn_at, k.held_until, k.step, k.tolerance, s.at, greatest(k.turn_at, s.at) as full_at,
        case when k.turns > 0 and s.at <= statement_timestamp() + %(wait_max)s then least(k.turns,
            1 + floor(extract(epoch from s.at + %(spread)s + k.tolerance - greatest(k.turn_at, s.at))
                / extract(epoch from k.step))::integer)
        else 0 end as turns
    from known k
    join start s on s.item = k.item
), booked as (
    insert into caudal.budget as b (provider, operation, item, turn_at)
    select %(provider)s, %(operation)s, g.item, g.full_at + g.turns * g.step
    from granted g
    where g.turns > 0
    order by g.item
    on conflict on constraint budget_pk do update set turn_at = greatest(b.turn_at, excluded.turn_at)
    returning b.item, old.item is not null as there
)
select g.item, g.turns, g.at - statement_timestamp() as start_in, g.full_at - statement_timestamp() as full_in,
    g.turn_at - g.tolerance - statement_timestamp() as free_in, g.held_until - statement_timestamp() as held_in,
    coalesce(o.there and not g.there, false) as raced
from granted g
left join booked o on o.item = g.item

-- name: hold_turns
-- Their provider said not before: no turn until then, and from then on one by one. A longer hold stands.
insert into caudal.budget as b (provider, operation, item, held_until, turn_at)
select %(provider)s, row.operation, row.item, statement_timestamp() + row.pause,
    statement_timestamp() + row.pause + row.tolerance
from unnest(%(operations)s::text[], %(items)s::text[], %(pauses)s::interval[], %(tolerances)s::interval[])
    as row (operation, item, pause, tolerance)
order by row.operation, row.item
on conflict on constraint budget_pk do update set
    held_until = greatest(b.held_until, excluded.held_until),
    turn_at = greatest(b.turn_at, excluded.turn_at)

-- name: budgets_in_use
-- How budgets stand: all that are everybody's, and of single items' those that are not full, the emptiest first.
select provider, operation, item, greatest(turn_at - statement_timestamp(), interval '0') as full_in,
    case when held_until > statement_timestamp() then held_until end as held_until
from caudal.budget
where item = '' or turn_at > statement_timestamp() or held_until > statement_timestamp()
order by item <> '', provider, case when item = '' then operation end, turn_at desc nulls last, operation, item
limit %(limit)s

-- name: forget_budgets
-- Buckets that have been full for a while are as good as none.
delete from caudal.budget
where coalesce(turn_at, '-infinity') < statement_timestamp() - %(idle)s::interval
    and coalesce(held_until, '-infinity') < statement_timestamp() - %(idle)s::interval
