-- Back to 0019. Branches stay as connections that have ended: what they told is their spaces'.

set local role caudal_owner;

alter table caudal.connection no force row level security;
update caudal.connection set state = 'revoked' where home_space_id is not null;
alter table caudal.connection force row level security;

drop table caudal.account_route;
alter table caudal.source_account drop column elsewhere;
drop index caudal.connection_home_index;
alter table caudal.connection
    drop constraint connection_home_check, drop constraint connection_home_fk, drop column choice_until, drop column routed,
    drop column paused_at, drop column home_space_id;

reset role;
