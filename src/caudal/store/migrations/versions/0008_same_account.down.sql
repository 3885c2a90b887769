-- What people said of accounts is lost: source accounts stay where it has them booked.

set local role caudal_owner;

drop table caudal.account_doubt, caudal.account_decision;
alter table caudal.source_account drop column home_id, drop column overlap_seen;
alter table caudal.account drop column joined_into;

reset role;
