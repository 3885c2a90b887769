-- One truth: which transactions of single sources are of one movement, and what people decided of them.

set local role caudal_owner;

-- What the source itself says the movement is for, in its own words.
-- `fallback_id`: the other id it could have gone by: by what a statement file's row says, where the bank gave it an id.
-- `amount_key`: the amount as text, to be looked up by: under row security no index is searched by a number (its operators
-- are not leakproof).
alter table caudal.observation
    add column category text not null default '',
    add column amount_key text generated always as (trim_scale(amount)::text) stored,
    add column fallback_id text not null default '';

-- Whether the source takes back what it holds no more and says what took its place.
alter table caudal.source_account add column withdraws boolean not null default false;

-- A transaction is founded by what one source account tells (its strand). `into_id`: it is of the movement that this other
-- transaction stands for, by `match_rule`, for what was found (`match_found`: what, and its weight); by itself it is then
-- gone from the ledger, as one is that a person deleted. `concluded`: what it says is drawn from several strands, or from
-- a person's word, and not from the observation it follows alone.
-- `deleted`, `locked`, `split`: by a person. `conflict`: what a source says now of what a person has fixed.
alter table caudal.transaction
    add column into_id uuid,
    add column concluded boolean not null default false,
    add column match_rule text,
    add column match_weight integer,
    add column match_found jsonb,
    add column category text not null default '',
    add column deleted boolean not null default false,
    add column locked boolean not null default false,
    add column split jsonb,
    add column conflict jsonb,
    add constraint transaction_into_fk foreign key (space_id, into_id)
        references caudal.transaction (space_id, transaction_id),
    add constraint transaction_into_check
        check (into_id <> transaction_id and (into_id is null or (concluded and gone_at is not null)));
create index transaction_pending_index on caudal.transaction (account_id, space_id)
    where status = 'pending' and gone_at is null;
create index transaction_into_index on caudal.transaction (into_id, space_id) where into_id is not null;

-- Whoever may tell of the same movement is looked up by these.
create index observation_near_index on caudal.observation (space_id, source_account_id, amount_key, booked_on);
create index observation_fallback_index on caudal.observation (space_id, source_account_id, fallback_id, version)
    where fallback_id <> '';
create index observation_gone_index on caudal.observation (space_id, source_account_id, amount_key, booked_on) where gone;
create index observation_pending_index on caudal.observation (space_id, source_account_id, booked_on)
    where status = 'pending';

-- What a person said of transactions, kept for good. `kind`: one, apart (of two), edit, delete, lock, split (of one). `data`:
-- what of it. `undone_at`: taken back.
create table caudal.decision (
    space_id uuid not null,
    decision_id uuid not null default uuidv7(),
    kind text not null,
    transaction_id uuid not null,
    other_id uuid,
    data jsonb not null default '{}',
    made_at timestamptz not null default now(),
    undone_at timestamptz,
    constraint decision_pk primary key (space_id, decision_id),
    constraint decision_transaction_fk foreign key (space_id, transaction_id)
        references caudal.transaction (space_id, transaction_id),
    constraint decision_other_fk foreign key (space_id, other_id)
        references caudal.transaction (space_id, transaction_id),
    constraint decision_kind_check check (kind in ('one', 'apart', 'edit', 'delete', 'lock', 'split')),
    constraint decision_other_check check ((kind in ('one', 'apart')) = (other_id is not null))
);
create index decision_transaction_index on caudal.decision (transaction_id, space_id) where undone_at is null;
create index decision_other_index on caudal.decision (other_id, space_id) where undone_at is null and other_id is not null;

-- Two that were kept apart and may be one: a question to a person, until it is answered or no longer asked.
create table caudal.doubt (
    space_id uuid not null,
    one_id uuid not null,
    other_id uuid not null,
    rule text not null,
    weight integer not null,
    found jsonb not null,
    asked_at timestamptz not null default now(),
    constraint doubt_pk primary key (space_id, one_id, other_id),
    constraint doubt_one_fk foreign key (space_id, one_id) references caudal.transaction (space_id, transaction_id),
    constraint doubt_other_fk foreign key (space_id, other_id) references caudal.transaction (space_id, transaction_id)
);
create index doubt_other_index on caudal.doubt (other_id, space_id);

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

do $$
declare
    name text;
begin
    foreach name in array array['decision', 'doubt'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
end
$$;
grant execute on function caudal.neighbours(uuid, uuid, jsonb) to caudal_app;

reset role;
