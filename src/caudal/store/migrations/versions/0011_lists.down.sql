-- Back to 0010.

set local role caudal_owner;

alter table caudal.source_account drop column lists;

reset role;
