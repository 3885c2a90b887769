-- Whether a source's windows name what is pending beside what is booked, so that nothing that is still pending there was
-- settled.

set local role caudal_owner;

alter table caudal.source_account add column lists boolean not null default false;

reset role;
