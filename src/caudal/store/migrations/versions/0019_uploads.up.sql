-- Files that wait to be taken in while somebody looks at what that would do.

set local role caudal_owner;

-- `sealed`: what is in it, under `wrapping_key`. `account`: whose it is, as its sender named it.
create table caudal.upload (
    space_id uuid not null,
    upload_id uuid not null default uuidv7(),
    made_by text not null,
    name text not null,
    account text not null default '',
    size bigint not null,
    wrapping_key text not null,
    sealed bytea not null,
    made_at timestamptz not null default now(),
    constraint upload_pk primary key (space_id, upload_id),
    constraint upload_space_fk foreign key (space_id) references caudal.space (space_id)
);
create index upload_made_index on caudal.upload (made_at);

-- Sealed bytes don't compress.
alter table caudal.upload alter column sealed set storage external;

alter table caudal.upload enable row level security, force row level security;
create policy upload_scope on caudal.upload to caudal_app
    using (space_id = any ((select caudal.scope())::uuid[])) with check (space_id = any ((select caudal.scope())::uuid[]));
create policy upload_door on caudal.upload to caudal_app
    using ((select caudal.is_door())) with check ((select caudal.is_door()));
grant select, insert, delete on caudal.upload to caudal_app;

reset role;
