-- Back to 0021: what was presumed to be a balance is lost; no movement is.

set local role caudal_owner;

alter table caudal.balance no force row level security;
delete from caudal.balance where kind = 'presumed';
alter table caudal.balance force row level security;
alter table caudal.balance drop constraint balance_kind_check;
alter table caudal.balance
    add constraint balance_kind_check check (kind in ('booked', 'available', 'limit', 'value'));

reset role;
