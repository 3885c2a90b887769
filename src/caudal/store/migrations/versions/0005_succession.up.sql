-- A login that was linked anew tells of the accounts that its ended connection told of.

set local role caudal_owner;

-- `compared_from`: from this day on, what it told before its connection ended is compared with what its successor tells.
alter table caudal.source_account add column compared_from date;

reset role;
