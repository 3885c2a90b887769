-- name: lock_transfers
-- Who concludes which transactions are two sides is alone with it in the space, until its transaction ends: of two that bring
-- one side each, the later sees both. 20263 is Caudal's lock class for it.
select pg_advisory_xact_lock(20263, hashtext(%(space_id)s::text))

-- name: currencies_held
-- Which currencies, of those that any rate is known of (or `given`), each account of the space holds: one look-up each.
with recursive pair as (
    (
        select base, quote from caudal.fx_rate
        where %(given)s::jsonb is null
        order by base, quote
        limit 1
    )
    union all
    select next.base, next.quote
    from pair
    cross join lateral (
        select f.base, f.quote from caudal.fx_rate f
        where (f.base, f.quote) > (pair.base, pair.quote)
        order by f.base, f.quote
        limit 1
    ) next
), code as materialized (
    select base as currency from pair
    union
    select quote from pair
    union
    select unnest(array[base, quote]) from jsonb_to_recordset(%(given)s::jsonb) as row (base text, quote text)
)
select a.account_id, code.currency
from code
cross join lateral (
    select each.account_id from caudal.account each
    where each.space_id = %(space_id)s
    offset 0
) a
cross join lateral (
    select d.day from caudal.account_day d
    where d.space_id = %(space_id)s and d.account_id = a.account_id and d.currency = code.currency
    limit 1
) held
order by a.account_id, code.currency

-- name: possible_sides
-- What changed in this transaction of the database (and `seeds`), with all that may be the other side, and all that may be
-- of those: each as the ledger has it now. `days`: that of its booking first, then every other that a source gave it with this
-- amount. `strands`: the transactions that were taken for it. What nothing may be the other side of is left out.
with recursive changed as (
    select transaction_id, bool_and(kind = 'transactions.created') as created
    from happened
    where transaction_id is not null
    group by transaction_id
    union all
    select transaction_id, false from stirred
    union all
    select unnest(%(seeds)s::uuid[]), false
), seed as materialized (
    select transaction_id, bool_and(created) as created
    from (
        select transaction_id, created from changed
        union all
        select t.into_id, false
        from changed
        cross join lateral (
            select each.into_id from caudal.transaction each
            where not changed.created and each.space_id = %(space_id)s
                and each.transaction_id = changed.transaction_id
            offset 0
        ) t
        where t.into_id is not null
    ) known
    group by transaction_id
), near as materialized (
    select one, other
    from caudal.other_sides(%(space_id)s, array(select transaction_id from seed), %(days_max)s, %(tolerance)s,
        %(held)s::jsonb, %(given)s::jsonb)
    union
    select one, other
    from caudal.linked_sides(%(space_id)s, array(select transaction_id from seed where not created))
), reach as (
    select transaction_id
    from (
        select one as transaction_id from near
        union
        select other from near
    ) first
    union
    select hanging.other
    from reach
    cross join lateral (
        select other from caudal.other_sides(%(space_id)s, array[reach.transaction_id], %(days_max)s, %(tolerance)s,
            %(held)s::jsonb, %(given)s::jsonb)
        union
        select other from caudal.linked_sides(%(space_id)s, array[reach.transaction_id])
    ) hanging
), reached as materialized (
    select transaction_id from reach limit %(most)s
)
select t.transaction_id, a.name as account, a.kind as account_kind, t.amount, t.currency, told.days, t.occurred_at,
    t.description, t.counterparty, t.reference, t.category, t.gone_at is not null as gone, told.strands
from reached
cross join lateral (
    select * from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = reached.transaction_id
    offset 0
) t
cross join lateral (
    select each.name, each.kind from caudal.account each
    where each.space_id = %(space_id)s and each.account_id = t.account_id
    offset 0
) a
cross join lateral (
    select array_agg(s.transaction_id) as strands,
        t.booked_on || array_agg(s.booked_on) filter (where s.side_key = t.side_key)
            || array_agg(s.authorized_on) filter (where s.side_key = t.side_key and s.authorized_on is not null) as days
    from (
        select t.transaction_id, t.side_key, t.booked_on, t.authorized_on
        union all
        select each.transaction_id, each.side_key, each.booked_on, each.authorized_on
        from (
            select * from caudal.transaction taken
            where taken.into_id = t.transaction_id and taken.space_id = %(space_id)s
            offset 0
        ) each
    ) s
) told
order by t.transaction_id

-- name: transfers_known
-- The transfers and the questions that any of these transactions is a side of. Which space it is row security says: asked
-- for it here, any index that begins with it would do as well.
with asked as (
    select unnest(%(transactions)s::uuid[]) as transaction_id
)
select t.transfer_id, t.out_id, t.into_id, t.kind, t.day_gap, t.weight, t.found::text as found, t.said
from asked
cross join lateral (
    (
        select * from caudal.transfer one
        where one.out_id = asked.transaction_id
        offset 0
    )
    union all
    (
        select * from caudal.transfer one
        where one.into_id = asked.transaction_id
        offset 0
    )
) t
union
select null, d.out_id, d.into_id, d.kind, d.day_gap, d.weight, d.found::text, false
from asked
cross join lateral (
    (
        select * from caudal.transfer_doubt one
        where one.out_id = asked.transaction_id
        offset 0
    )
    union all
    (
        select * from caudal.transfer_doubt one
        where one.into_id = asked.transaction_id
        offset 0
    )
) d

-- name: words_on_transfers
-- What people said of these transactions as sides and stands, in the order it was said.
select d.decision_id, d.kind, d.transaction_id, d.other_id, '{}' as data
from unnest(%(transactions)s::uuid[]) asked (transaction_id)
cross join lateral (
    select * from caudal.decision each
    where each.transaction_id = asked.transaction_id and each.space_id = %(space_id)s and each.undone_at is null
        and each.kind in ('transfer', 'no_transfer')
    offset 0
) d
order by d.made_at, d.decision_id

-- name: rates_told
-- What these currencies were worth in one another on these days, and some days before.
select base, quote, day, rate, source, via
from caudal.fx_rate
where base = any (%(currencies)s) and quote = any (%(currencies)s) and day between %(first)s and %(last)s

-- name: write_transfers
-- The difference between the transfers and questions that are known and those that are now concluded: `parted` and `answered`
-- go, the others come or say something else. What was parted and what is new is told, 500 at once.
with parted as (
    delete from caudal.transfer t
    where t.space_id = %(space_id)s and t.transfer_id = any (%(parted)s)
    returning t.transfer_id, t.out_id, t.into_id
), answered as (
    delete from caudal.transfer_doubt d
    using jsonb_to_recordset(%(answered)s) as row (out_id uuid, into_id uuid)
    where d.space_id = %(space_id)s and d.out_id = row.out_id and d.into_id = row.into_id
), joined as (
    insert into caudal.transfer (space_id, out_id, into_id, kind, day_gap, weight, found, said)
    select %(space_id)s, out_id, into_id, kind, day_gap, weight, found, said
    from jsonb_to_recordset(%(transfers)s) as row (out_id uuid, into_id uuid, kind text, day_gap integer, weight integer,
        found jsonb, said boolean)
    where (select count(*) from parted) >= 0
    order by out_id
    on conflict on constraint transfer_out_unique do update set
        kind = excluded.kind, day_gap = excluded.day_gap, weight = excluded.weight, found = excluded.found,
        said = excluded.said, concluded_at = now()
    returning new.transfer_id, new.out_id, new.into_id, old.transfer_id is null as is_new
), asked as (
    insert into caudal.transfer_doubt (space_id, out_id, into_id, kind, day_gap, weight, found)
    select %(space_id)s, out_id, into_id, kind, day_gap, weight, found
    from jsonb_to_recordset(%(doubts)s) as row (out_id uuid, into_id uuid, kind text, day_gap integer, weight integer,
        found jsonb)
    order by out_id, into_id
    on conflict on constraint transfer_doubt_pk do update set
        kind = excluded.kind, day_gap = excluded.day_gap, weight = excluded.weight, found = excluded.found
), told as (
    select kind, transfer_id, out_id, into_id, (row_number() over (partition by kind order by transfer_id) - 1) / 500 as part
    from (
        select 'transfers.unlinked' as kind, transfer_id, out_id, into_id from parted
        union all
        select 'transfers.linked', transfer_id, out_id, into_id from joined where is_new
    ) news
)
insert into happened (kind, data)
select kind, jsonb_build_object('transfers', jsonb_agg(
    jsonb_build_object('id', transfer_id, 'out', out_id, 'in', into_id) order by transfer_id))
from told
group by kind, part
order by kind desc, part

-- name: list_transfers
-- Transfers, the latest first.
select t.transfer_id, t.kind, t.day_gap, t.weight, t.found::text as found, t.said,
    t.out_id, o.booked_on as out_on, o.amount as out_amount, o.currency as out_currency, oa.name as out_account,
    o.description as out_description, o.counterparty as out_counterparty,
    t.into_id, i.booked_on as into_on, i.amount as into_amount, i.currency as into_currency, ia.name as into_account,
    i.description as into_description, i.counterparty as into_counterparty
from caudal.transfer t
join caudal.transaction o on o.space_id = t.space_id and o.transaction_id = t.out_id
join caudal.account oa on oa.space_id = o.space_id and oa.account_id = o.account_id
join caudal.transaction i on i.space_id = t.space_id and i.transaction_id = t.into_id
join caudal.account ia on ia.space_id = i.space_id and ia.account_id = i.account_id
where t.space_id = %(space_id)s
    and (%(side)s::uuid is null or t.out_id = %(side)s or t.into_id = %(side)s)
order by o.booked_on desc, t.out_id desc
limit %(limit)s

-- name: list_transfer_doubts
-- What a person might be asked of transfers, the likeliest first.
select null::uuid as transfer_id, t.kind, t.day_gap, t.weight, t.found::text as found, false as said,
    t.out_id, o.booked_on as out_on, o.amount as out_amount, o.currency as out_currency, oa.name as out_account,
    o.description as out_description, o.counterparty as out_counterparty,
    t.into_id, i.booked_on as into_on, i.amount as into_amount, i.currency as into_currency, ia.name as into_account,
    i.description as into_description, i.counterparty as into_counterparty
from caudal.transfer_doubt t
join caudal.transaction o on o.space_id = t.space_id and o.transaction_id = t.out_id
join caudal.account oa on oa.space_id = o.space_id and oa.account_id = o.account_id
join caudal.transaction i on i.space_id = t.space_id and i.transaction_id = t.into_id
join caudal.account ia on ia.space_id = i.space_id and ia.account_id = i.account_id
where t.space_id = %(space_id)s
order by t.weight desc, t.out_id, t.into_id
limit %(limit)s
