-- Live connections: who they are at their provider, records that replace others, pulling again, positions.

set local role caudal_owner;

-- Where rows are to be filled in, the owner steps past the policies for that one statement.

-- `reference` is the provider's own id of the connection. `state_reason` and `state_action` say, in words fit to show,
-- why it isn't active and what to do.
alter table caudal.connection
    add column reference text,
    add column state_reason text not null default '',
    add column state_action text not null default '',
    add constraint connection_reference_unique unique (space_id, provider, reference),
    add constraint connection_reference_check check (reference <> '');

-- The last digits a source shows in place of the number; what names the account however it was linked.
alter table caudal.source_account
    add column mask text,
    add column persistent_id text;

-- Which stream of its connection a run pulled.
alter table caudal.run add column stream text not null default '';

-- Whether something was written to the account since its proof was last concluded.
alter table caudal.account add column proof_due boolean not null default false;

-- `rested_at`: when the stream last stood where its source can't call it back from. `sweep`: while a stream is pulled
-- anew ('loop': from where it last rested, 'all': from the beginning), what isn't told again is gone at its end.
alter table caudal.cursor
    add column rested_at timestamptz,
    add column sweep text not null default 'none',
    add constraint cursor_sweep_check check (sweep in ('none', 'loop', 'all'));
alter table caudal.cursor no force row level security;
update caudal.cursor set rested_at = updated_at;
alter table caudal.cursor force row level security;

-- What has been told again so far, while a stream is pulled anew. Empty otherwise.
create table caudal.told_again (
    space_id uuid not null,
    connection_id uuid not null,
    stream text not null,
    source_account_id uuid not null,
    provider_id text not null,
    booked_on date,
    constraint told_again_pk primary key (space_id, connection_id, stream, source_account_id, provider_id),
    constraint told_again_cursor_fk foreign key (space_id, connection_id, stream)
        references caudal.cursor (space_id, connection_id, stream)
);

-- The provider id of the record that this one took the place of ('' = of none).
alter table caudal.observation add column replaces text not null default '';
create index observation_replaces_index
    on caudal.observation (space_id, source_account_id, replaces, observation_id)
    where replaces <> '';

-- The observation a transaction states. Several chains of observations may tell of it: it follows the latest version of
-- one that isn't gone, and that no other of them replaces.
alter table caudal.transaction add column follows uuid;
alter table caudal.transaction no force row level security;
alter table caudal.observation no force row level security;
alter table caudal.observation_link no force row level security;
update caudal.transaction t set follows = latest.observation_id
from (
    select distinct on (l.space_id, l.transaction_id) l.space_id, l.transaction_id, l.observation_id
    from caudal.observation_link l
    join caudal.observation o on o.space_id = l.space_id and o.observation_id = l.observation_id
    join caudal.transaction stated on stated.space_id = l.space_id and stated.transaction_id = l.transaction_id
    order by l.space_id, l.transaction_id,
        (o.amount, o.currency, o.booked_on, o.status, o.gone)
            is not distinct from (stated.amount, stated.currency, stated.booked_on, stated.status,
                stated.gone_at is not null) desc,
        o.version desc, o.observation_id desc
) latest
where latest.space_id = t.space_id and latest.transaction_id = t.transaction_id;
alter table caudal.transaction force row level security;
alter table caudal.observation force row level security;
alter table caudal.observation_link force row level security;
alter table caudal.transaction alter column follows set not null;

-- The app may have statistics made of the tables it fills: without any, every index that begins with the space looks
-- alike to the planner, and one of them is walked whole.
grant maintain on caudal.transaction, caudal.observation, caudal.observation_link, caudal.account_day, caudal.balance
    to caudal_app;

-- Led by the account alone: on a database without statistics, PostgreSQL 18 would else look one transaction up by its id
-- through this index, walking every day of the space.
drop index caudal.transaction_account_index;
create index transaction_account_index
    on caudal.transaction (account_id, space_id, booked_on desc, transaction_id desc);

-- What the ledger held as booked before the day `as_of`, and from it on, when this snapshot was told: the snapshot counts
-- those movements and no later ones. Null for a balance that counts a whole day.
alter table caudal.balance
    add column held_before numeric,
    add column held_since numeric,
    drop constraint balance_kind_check,
    add constraint balance_kind_check check (kind in ('booked', 'available', 'limit', 'value'));

-- Positions, as a source reported them for a day. A later report of the same day replaces the one before.
create table caudal.holding (
    space_id uuid not null,
    source_account_id uuid not null,
    as_of date not null,
    asset text not null,
    run_id uuid not null,
    quantity numeric not null,
    currency text not null,
    name text not null,
    kind text not null,
    price numeric,
    value numeric,
    cost numeric,
    constraint holding_pk primary key (space_id, source_account_id, as_of, asset),
    constraint holding_source_account_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint holding_run_fk foreign key (space_id, run_id) references caudal.run (space_id, run_id)
);
create index holding_run_index on caudal.holding (run_id, space_id);

-- Of which day a source account's positions were last told: an account that holds nothing has a day and no rows.
alter table caudal.source_account add column holdings_as_of date;

do $$
declare
    name text;
begin
    foreach name in array array['told_again', 'holding'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
end
$$;

reset role;
