-- Each account of a login in the space it belongs to: a connection has a home, where its secrets, its cursor and its schedule
-- are, and a branch in every other space that it feeds.

set local role caudal_owner;

-- Of a branch: `home_space_id`, where it is linked, and what its home says of it (`paused_at`). Of a home: `routed`, how
-- often it was said where its accounts belong; `choice_until`: until then its person is asked that first.
alter table caudal.connection
    add column home_space_id uuid,
    add column paused_at timestamptz,
    add column routed integer not null default 0,
    add column choice_until timestamptz,
    add constraint connection_home_fk foreign key (home_space_id) references caudal.space (space_id),
    add constraint connection_home_check check (home_space_id <> space_id);
create index connection_home_index on caudal.connection (home_space_id) where home_space_id is not null;

-- What it tells goes to another space now, and nothing of it is held here any more.
alter table caudal.source_account add column elsewhere boolean not null default false;

-- Where an account of a connection belongs, said by its person: at home, as long as nobody said otherwise. `wanted` false:
-- nothing of it is written.
create table caudal.account_route (
    space_id uuid not null,
    connection_id uuid not null,
    reference text not null,
    name text not null,
    mask text,
    to_space_id uuid,
    wanted boolean not null default true,
    constraint account_route_pk primary key (space_id, connection_id, reference),
    constraint account_route_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id),
    constraint account_route_to_fk foreign key (to_space_id) references caudal.space (space_id),
    constraint account_route_to_check check (to_space_id <> space_id)
);
create index account_route_to_index on caudal.account_route (to_space_id) where to_space_id is not null;

alter table caudal.account_route enable row level security, force row level security;
create policy account_route_scope on caudal.account_route to caudal_app
    using (space_id = any ((select caudal.scope())::uuid[])) with check (space_id = any ((select caudal.scope())::uuid[]));
grant select, insert, update, delete on caudal.account_route to caudal_app;

reset role;
