-- Which institutions can be linked, as each provider lists them; of the whole installation.

set local role caudal_owner;

create table caudal.institution_offered (
    provider text not null,
    reference text not null,
    name text not null,
    folded text not null generated always as (caudal.folded(name)) stored,
    countries text[] not null,
    working boolean not null,
    investments_only boolean not null,
    login text not null,
    listed_at timestamptz not null default now(),
    constraint institution_offered_pk primary key (provider, reference)
);

alter table caudal.institution_offered enable row level security;
alter table caudal.institution_offered force row level security;
create policy institution_offered_engine on caudal.institution_offered to caudal_app
    using ((select caudal.is_engine())) with check ((select caudal.is_engine()));
create policy institution_offered_read on caudal.institution_offered for select to caudal_app using (true);
grant select, insert, update, delete on caudal.institution_offered to caudal_app;

reset role;
