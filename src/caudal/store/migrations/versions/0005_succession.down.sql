-- What was found to be withdrawn stays so; how far was compared is lost, and would be compared again.

set local role caudal_owner;

alter table caudal.source_account drop column compared_from;

reset role;
