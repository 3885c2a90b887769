-- Back to what the key alone finds: as many of the same sign.

set local role caudal_owner;

-- Whoever may be the other side of these transactions, by amount and days: the opposite amount on another account, where any
-- day that a source gave the one with this amount (booked or authorized) is within `days_max` of any of the other's. In
-- other currencies, where a rate is known: opposite in sign, booked within the days, the amount within `tolerance` of a
-- rate of these days. `held`: the accounts with the currencies they hold, where there are several. `given`: rates in place of
-- those that are kept. Wider than the judgement, never narrower, and the same from either side. Of more than 200 alike any
-- will do. To be asked where look-ups are steered to indexes (`steer_planner`), as the next.
create or replace function caudal.other_sides(
    of_space uuid, of_transactions uuid[], days_max integer, tolerance numeric, held jsonb, given jsonb
) returns table (one uuid, other uuid)
    language sql stable
begin atomic
    with own as materialized (
        select t.*
        from pg_catalog.unnest(of_transactions) asked (transaction_id)
        cross join lateral (
            select each.transaction_id, each.account_id, each.amount, each.side_key, each.currency, each.booked_on,
                each.authorized_on, each.concluded, each.gone_at,
                hash_numeric_extended(-each.amount, uuid_hash_extended(of_space, 0)) as opposite_key
            from caudal.transaction each
            where each.space_id = of_space and each.transaction_id = asked.transaction_id
            offset 0
        ) t
        where t.gone_at is null and t.amount <> 0
    ), dated as materialized (
        select own.transaction_id, own.account_id, own.currency, own.opposite_key, own.booked_on as day from own
        union all
        select own.transaction_id, own.account_id, own.currency, own.opposite_key, own.authorized_on
        from own
        where own.authorized_on <> own.booked_on
        union
        select own.transaction_id, own.account_id, own.currency, own.opposite_key, strand.day
        from own
        cross join lateral (
            select s.side_key, s.booked_on, s.authorized_on from caudal.transaction s
            where own.concluded and s.into_id = own.transaction_id and s.space_id = of_space
            offset 0
        ) s
        cross join lateral (values (s.booked_on), (s.authorized_on)) strand (day)
        where s.side_key = own.side_key and strand.day is not null
    )
    select dated.transaction_id, coalesce(near.into_id, near.transaction_id)
    from dated
    cross join lateral (
        select n.transaction_id, n.into_id from caudal.transaction n
        where n.side_key = dated.opposite_key and n.space_id = of_space
            and n.booked_on between dated.day - days_max and dated.day + days_max
            and (n.gone_at is null or n.into_id is not null)
            and n.account_id <> dated.account_id and n.currency = dated.currency
        limit 200
    ) near
    union
    select dated.transaction_id, coalesce(near.into_id, near.transaction_id)
    from dated
    cross join lateral (
        select n.transaction_id, n.into_id from caudal.transaction n
        where n.side_key = dated.opposite_key and n.space_id = of_space
            and n.authorized_on between dated.day - days_max and dated.day + days_max
            and n.authorized_on <> n.booked_on
            and (n.gone_at is null or n.into_id is not null)
            and n.account_id <> dated.account_id and n.currency = dated.currency
        limit 200
    ) near
    union
    select own.transaction_id, near.transaction_id
    from own
    cross join lateral pg_catalog.jsonb_to_recordset(held) as there (account_id uuid, currency text)
    cross join lateral (
        select min(told.rate) as low, max(told.rate) as high
        from (
            select f.rate from caudal.fx_rate f
            where given is null and f.base = own.currency and f.quote = there.currency
                and f.day between own.booked_on - days_max - 7 and own.booked_on + days_max
            union all
            select 1 / f.rate from caudal.fx_rate f
            where given is null and f.base = there.currency and f.quote = own.currency
                and f.day between own.booked_on - days_max - 7 and own.booked_on + days_max
            union all
            select case when f.base = own.currency then f.rate else 1 / f.rate end
            from pg_catalog.jsonb_to_recordset(given) as f (base text, quote text, day date, rate numeric)
            where (f.base, f.quote) in ((own.currency, there.currency), (there.currency, own.currency))
                and f.day between own.booked_on - days_max - 7 and own.booked_on + days_max
        ) told
        having min(told.rate) > 0
    ) known
    cross join lateral (
        select n.transaction_id from caudal.transaction n
        where n.account_id = there.account_id
            and n.booked_on between own.booked_on - days_max and own.booked_on + days_max
            and n.gone_at is null and n.currency = there.currency and sign(n.amount) = -sign(own.amount)
            and abs(n.amount) between abs(own.amount) * known.low * (1 - tolerance) * 0.999
                and abs(own.amount) * known.high / (1 - tolerance) * 1.001
        limit 200
    ) near
    where there.account_id <> own.account_id and there.currency <> own.currency;
end;

reset role;
