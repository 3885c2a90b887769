-- Back to a query of its own for each transaction.

set local role caudal_owner;

drop function caudal.neighbours(uuid, uuid, jsonb);
drop index caudal.observation_authorized_index;

-- Whoever may tell of the same movement as this transaction: of other sources of its account, the same amount (or a unit
-- beside it) within four days; of its own source, where that doesn't say it itself, what vanished and what may have come in
-- its place, what is pending and what may settle it; those it is together with, and those a person spoke of together with
-- it (itself, where one spoke of it).
-- Of each sort at most 200: of more alike within days, any will do.
create function caudal.neighbours(of_space uuid, of_transaction uuid, units jsonb) returns setof uuid
    language sql stable
    set search_path = ''
    set enable_seqscan = off
begin atomic
    with own as materialized (
        select o.source_account_id, o.amount, o.amount_key, o.currency, o.booked_on, o.status, o.gone, s.account_id, s.withdraws
        from (
            select l.observation_id from caudal.observation_link l
            where l.space_id = of_space and l.transaction_id = of_transaction
            offset 0
        ) link
        cross join lateral (
            select * from caudal.observation each
            where each.space_id = of_space and each.observation_id = link.observation_id
            offset 0
        ) o
        cross join lateral (
            select each.account_id, each.withdraws from caudal.source_account each
            where each.space_id = of_space and each.source_account_id = o.source_account_id
            offset 0
        ) s
    ), unsaid as (
        select * from own where not withdraws
    ), told as (
        select near.observation_id
        from own
        cross join lateral (
            select s.source_account_id from caudal.source_account s
            where s.space_id = of_space and s.account_id = own.account_id
                and s.source_account_id <> own.source_account_id
            offset 0
        ) other
        cross join lateral (
            select trim_scale(own.amount + step * coalesce((units ->> own.currency)::numeric, 0.01))::text as amount_key
            from pg_catalog.generate_series(-1, 1) step
        ) about
        cross join lateral (
            select o.observation_id from caudal.observation o
            where o.source_account_id = other.source_account_id and o.amount_key = about.amount_key
                and o.booked_on between own.booked_on - 4 and own.booked_on + 4 and o.space_id = of_space
                and o.currency = own.currency
            limit 200
        ) near
        union
        select near.observation_id
        from unsaid own
        cross join lateral (
            select o.observation_id from caudal.observation o
            where o.source_account_id = own.source_account_id and o.amount_key = own.amount_key
                and o.booked_on between own.booked_on - 14 and own.booked_on + 14 and o.space_id = of_space and o.gone
            limit 200
        ) near
        where not own.gone
        union
        select near.observation_id
        from unsaid own
        cross join lateral (
            select o.observation_id from caudal.observation o
            where o.source_account_id = own.source_account_id and o.amount_key = own.amount_key
                and o.booked_on between own.booked_on - 14 and own.booked_on + 14 and o.space_id = of_space
            limit 200
        ) near
        where own.gone
        union
        select near.observation_id
        from unsaid own
        cross join lateral (
            select o.observation_id from caudal.observation o
            where o.source_account_id = own.source_account_id and o.status = 'pending'
                and o.booked_on between own.booked_on - 14 and own.booked_on and o.space_id = of_space
                and own.amount between least(o.amount * 1.3, o.amount * 0.95)
                    and greatest(o.amount * 1.3, o.amount * 0.95)
            limit 200
        ) near
        where own.status = 'booked'
    ), booked as (
        select near.transaction_id
        from unsaid own
        cross join lateral (
            select t.transaction_id from caudal.transaction t
            where t.account_id = own.account_id and t.space_id = of_space
                and t.booked_on between own.booked_on and own.booked_on + 14
                and t.amount between least(own.amount * 1.3, own.amount * 0.95)
                    and greatest(own.amount * 1.3, own.amount * 0.95)
            limit 200
        ) near
        where own.status = 'pending'
    )
    select l.transaction_id
    from told
    cross join lateral (
        select each.transaction_id from caudal.observation_link each
        where each.space_id = of_space and each.observation_id = told.observation_id
        offset 0
    ) l
    where l.transaction_id <> of_transaction
    union
    select transaction_id from booked where transaction_id <> of_transaction
    union
    select coalesce(t.into_id, of_transaction)
    from caudal.transaction t
    where t.space_id = of_space and t.transaction_id = of_transaction and t.concluded
    union
    select t.transaction_id
    from caudal.transaction t
    where t.into_id = of_transaction and t.space_id = of_space
    union
    select coalesce(d.other_id, of_transaction)
    from caudal.decision d
    where d.transaction_id = of_transaction and d.space_id = of_space and d.undone_at is null
    union
    select d.transaction_id
    from caudal.decision d
    where d.other_id = of_transaction and d.space_id = of_space and d.undone_at is null;
end;

grant execute on function caudal.neighbours(uuid, uuid, jsonb) to caudal_app;

reset role;
