-- Whoever may tell of the same movement as a transaction, in a form that becomes a part of the query that asks: a function
-- with settings of its own is a query for each transaction, which cost a hundred times what it looks up.

set local role caudal_owner;

drop function caudal.neighbours(uuid, uuid, jsonb);
create index observation_authorized_index
    on caudal.observation (space_id, source_account_id, amount_key, authorized_on) where authorized_on is not null;

-- Of other sources of its account, the same amount (or a unit beside it) within four days, of booking or authorisation; of
-- its own source, where that doesn't say it itself, what vanished and what may have come in its place, what is pending and
-- what may settle it; those it is together with, and those a person spoke of together with it as one movement or two
-- (itself, where one spoke of it; two sides of a transfer are on two accounts). Some more than once.
-- Of each sort at most 200: of more alike within days, any will do.
-- To be asked where look-ups are steered to indexes (`steer_planner`).
create function caudal.neighbours(of_space uuid, of_transaction uuid, units jsonb) returns setof uuid
    language sql stable
begin atomic
    select near.transaction_id
    from (
        select l.observation_id from caudal.observation_link l
        where l.space_id = of_space and l.transaction_id = of_transaction
        offset 0
    ) link
    cross join lateral (
        select each.source_account_id, each.amount, each.amount_key, each.currency, each.booked_on, each.authorized_on,
            each.status, each.gone
        from caudal.observation each
        where each.space_id = of_space and each.observation_id = link.observation_id
        offset 0
    ) own
    cross join lateral (
        select each.account_id, each.withdraws from caudal.source_account each
        where each.space_id = of_space and each.source_account_id = own.source_account_id
        offset 0
    ) source
    cross join lateral (
        select l.transaction_id
        from (
            select near.observation_id
            from (
                select s.source_account_id from caudal.source_account s
                where s.space_id = of_space and s.account_id = source.account_id
                    and s.source_account_id <> own.source_account_id
                offset 0
            ) other
            cross join lateral (
                select trim_scale(own.amount + step * coalesce((units ->> own.currency)::numeric, 0.01))::text as amount_key
                from pg_catalog.generate_series(-1, 1) step
                offset 0
            ) about
            cross join lateral (
                select own.booked_on as day
                union all
                select own.authorized_on where own.authorized_on <> own.booked_on
                offset 0
            ) told
            cross join lateral (
                (select o.observation_id from caudal.observation o
                where o.source_account_id = other.source_account_id and o.amount_key = about.amount_key
                    and o.booked_on between told.day - 4 and told.day + 4 and o.space_id = of_space
                    and o.currency = own.currency
                limit 200)
                union all
                (select o.observation_id from caudal.observation o
                where o.source_account_id = other.source_account_id and o.amount_key = about.amount_key
                    and o.authorized_on between told.day - 4 and told.day + 4 and o.space_id = of_space
                    and o.currency = own.currency
                limit 200)
            ) near
            union all
            select near.observation_id
            from (
                select o.observation_id from caudal.observation o
                where not source.withdraws and not own.gone
                    and o.source_account_id = own.source_account_id and o.amount_key = own.amount_key
                    and o.booked_on between own.booked_on - 14 and own.booked_on + 14 and o.space_id = of_space and o.gone
                limit 200
            ) near
            union all
            select near.observation_id
            from (
                select o.observation_id from caudal.observation o
                where not source.withdraws and own.gone
                    and o.source_account_id = own.source_account_id and o.amount_key = own.amount_key
                    and o.booked_on between own.booked_on - 14 and own.booked_on + 14 and o.space_id = of_space
                limit 200
            ) near
            union all
            select near.observation_id
            from (
                select o.observation_id from caudal.observation o
                where not source.withdraws and own.status = 'booked'
                    and o.source_account_id = own.source_account_id and o.status = 'pending'
                    and o.booked_on between own.booked_on - 14 and own.booked_on and o.space_id = of_space
                    and own.amount between least(o.amount * 1.3, o.amount * 0.95)
                        and greatest(o.amount * 1.3, o.amount * 0.95)
                limit 200
            ) near
        ) told
        cross join lateral (
            select each.transaction_id from caudal.observation_link each
            where each.space_id = of_space and each.observation_id = told.observation_id
            offset 0
        ) l
        union all
        select booked.transaction_id
        from (
            select t.transaction_id from caudal.transaction t
            where not source.withdraws and own.status = 'pending'
                and t.account_id = source.account_id and t.space_id = of_space
                and t.booked_on between own.booked_on and own.booked_on + 14
                and t.amount between least(own.amount * 1.3, own.amount * 0.95)
                    and greatest(own.amount * 1.3, own.amount * 0.95)
            limit 200
        ) booked
    ) near
    where near.transaction_id <> of_transaction
    union all
    select coalesce(t.into_id, of_transaction)
    from caudal.transaction t
    where t.space_id = of_space and t.transaction_id = of_transaction and t.concluded
    union all
    select t.transaction_id
    from caudal.transaction t
    where t.into_id = of_transaction and t.space_id = of_space
    union all
    select coalesce(d.other_id, of_transaction)
    from caudal.decision d
    where d.transaction_id = of_transaction and d.space_id = of_space and d.undone_at is null
        and d.kind not in ('transfer', 'no_transfer')
    union all
    select d.transaction_id
    from caudal.decision d
    where d.other_id = of_transaction and d.space_id = of_space and d.undone_at is null
        and d.kind not in ('transfer', 'no_transfer');
end;

grant execute on function caudal.neighbours(uuid, uuid, jsonb) to caudal_app;

reset role;
