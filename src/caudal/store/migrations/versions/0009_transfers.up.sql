-- Transfers: which transactions are the two sides of one movement between own accounts, and what people said of that.

set local role caudal_owner;

-- `side_key`: space and amount in one number, for the other side of a transfer is looked up by it. (Of indexes that all begin
-- with the space a database without statistics finds one as good as another, and some walk the ledger.) The second index is
-- for the day a movement was authorized on, where that is another. Of a transaction that was taken for another the days
-- count for that other.
alter table caudal.transaction add column side_key bigint not null
    generated always as (hash_numeric_extended(amount, uuid_hash_extended(space_id, 0))) stored;
create index transaction_side_index on caudal.transaction (side_key, booked_on)
    where gone_at is null or into_id is not null;
create index transaction_side_authorized_index on caudal.transaction (side_key, authorized_on)
    where authorized_on <> booked_on and (gone_at is null or into_id is not null);

-- Two sides: what left one account (`out_id`) as it came into another (`into_id`). `day_gap`: days from the one to the other.
-- `weight` and `found`: what speaks for it. `said`: a person did.
create table caudal.transfer (
    space_id uuid not null,
    transfer_id uuid not null default uuidv7(),
    out_id uuid not null,
    into_id uuid not null,
    kind text not null,
    day_gap integer not null,
    weight integer not null,
    found jsonb not null,
    said boolean not null,
    concluded_at timestamptz not null default now(),
    constraint transfer_pk primary key (space_id, transfer_id),
    constraint transfer_out_unique unique (out_id, space_id),
    constraint transfer_into_unique unique (into_id, space_id),
    constraint transfer_out_fk foreign key (space_id, out_id) references caudal.transaction (space_id, transaction_id),
    constraint transfer_into_fk foreign key (space_id, into_id) references caudal.transaction (space_id, transaction_id),
    constraint transfer_sides_check check (out_id <> into_id),
    constraint transfer_kind_check
        check (kind in ('own_transfer', 'card_payment', 'loan_payment', 'exchange_deposit'))
);

-- Two that were not taken for the sides of a transfer and may be: a question to a person.
create table caudal.transfer_doubt (
    space_id uuid not null,
    out_id uuid not null,
    into_id uuid not null,
    kind text not null,
    day_gap integer not null,
    weight integer not null,
    found jsonb not null,
    asked_at timestamptz not null default now(),
    constraint transfer_doubt_pk primary key (space_id, out_id, into_id),
    constraint transfer_doubt_out_fk foreign key (space_id, out_id)
        references caudal.transaction (space_id, transaction_id),
    constraint transfer_doubt_into_fk foreign key (space_id, into_id)
        references caudal.transaction (space_id, transaction_id)
);
create index transfer_doubt_out_index on caudal.transfer_doubt (out_id, space_id);
create index transfer_doubt_into_index on caudal.transfer_doubt (into_id, space_id);

-- How many of `quote` one of `base` was on a day. Of no space: everybody reads it, the engine fills it.
create table caudal.fx_rate (
    base text not null,
    quote text not null,
    day date not null,
    rate numeric not null,
    source text not null,
    constraint fx_rate_pk primary key (base, quote, day),
    constraint fx_rate_check check (rate > 0 and rate < 'Infinity' and base <> quote)
);

-- A person's word on two transactions may also be that they are the two sides of one transfer (transfer: out, into), or that
-- they are not (no_transfer).
alter table caudal.decision
    drop constraint decision_kind_check,
    drop constraint decision_other_check,
    add constraint decision_kind_check
        check (kind in ('one', 'apart', 'edit', 'delete', 'lock', 'split', 'transfer', 'no_transfer')),
    add constraint decision_other_check
        check ((kind in ('one', 'apart', 'transfer', 'no_transfer')) = (other_id is not null));

-- Whoever may be the other side of these transactions, by amount and days: the opposite amount on another account, where any
-- day that a source gave the one with this amount (booked or authorized) is within `days_max` of any of the other's. In
-- other currencies, where a rate is known: opposite in sign, booked within the days, the amount within `tolerance` of a
-- rate of these days. `held`: the accounts with the currencies they hold, where there are several. `given`: rates in place of
-- those that are kept. Wider than the judgement, never narrower, and the same from either side. Of more than 200 alike any
-- will do. To be asked where look-ups are steered to indexes (`steer_planner`), as the next.
create function caudal.other_sides(
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

-- Whoever these transactions hang together with as sides already: by a transfer that is kept, by a question, by a person's
-- word. (Which space it is row security says: asked for it here, any index that begins with it would do as well.)
create function caudal.linked_sides(of_space uuid, of_transactions uuid[]) returns table (one uuid, other uuid)
    language sql stable
begin atomic
    with asked as materialized (
        select transaction_id from pg_catalog.unnest(of_transactions) each (transaction_id)
    ), strand as materialized (
        select transaction_id, transaction_id as strand_id from asked
        union all
        select asked.transaction_id, s.transaction_id
        from asked
        cross join lateral (
            select each.transaction_id from caudal.transaction each
            where each.into_id = asked.transaction_id and each.space_id = of_space
            offset 0
        ) s
    ), said as (
        select strand.transaction_id, d.other_id as strand_id
        from strand
        cross join lateral (
            select each.other_id from caudal.decision each
            where each.transaction_id = strand.strand_id and each.space_id = of_space and each.undone_at is null
                and each.kind = 'transfer'
            offset 0
        ) d
        union all
        select strand.transaction_id, d.transaction_id
        from strand
        cross join lateral (
            select each.transaction_id from caudal.decision each
            where each.other_id = strand.strand_id and each.space_id = of_space and each.undone_at is null
                and each.other_id is not null and each.kind = 'transfer'
            offset 0
        ) d
    )
    select asked.transaction_id, t.into_id
    from asked
    cross join lateral (
        select each.into_id from caudal.transfer each
        where each.out_id = asked.transaction_id
        offset 0
    ) t
    union
    select asked.transaction_id, t.out_id
    from asked
    cross join lateral (
        select each.out_id from caudal.transfer each
        where each.into_id = asked.transaction_id
        offset 0
    ) t
    union
    select asked.transaction_id, t.into_id
    from asked
    cross join lateral (
        select each.into_id from caudal.transfer_doubt each
        where each.out_id = asked.transaction_id
        offset 0
    ) t
    union
    select asked.transaction_id, t.out_id
    from asked
    cross join lateral (
        select each.out_id from caudal.transfer_doubt each
        where each.into_id = asked.transaction_id
        offset 0
    ) t
    union
    select said.transaction_id, t.transaction_id
    from said
    cross join lateral (
        select coalesce(each.into_id, each.transaction_id) as transaction_id from caudal.transaction each
        where each.space_id = of_space and each.transaction_id = said.strand_id
        offset 0
    ) t;
end;

do $$
declare
    name text;
begin
    foreach name in array array['transfer', 'transfer_doubt'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
        perform pg_catalog.pg_restore_attribute_stats(  -- as of all other tables
            'schemaname', 'caudal', 'relname', name, 'attname', 'space_id', 'inherited', false,
            'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real);
    end loop;
end
$$;
alter table caudal.fx_rate enable row level security, force row level security;
create policy fx_rate_engine on caudal.fx_rate to caudal_app
    using ((select caudal.is_engine())) with check ((select caudal.is_engine()));
create policy fx_rate_read on caudal.fx_rate for select to caudal_app using (true);
grant select, insert, update, delete on caudal.fx_rate to caudal_app;
grant execute on function caudal.other_sides(uuid, uuid[], integer, numeric, jsonb, jsonb) to caudal_app;
grant execute on function caudal.linked_sides(uuid, uuid[]) to caudal_app;

reset role;
