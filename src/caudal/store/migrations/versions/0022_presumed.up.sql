-- A figure that a source calls the balance, of which nobody could verify that booked movements come to it.

set local role caudal_owner;

alter table caudal.balance drop constraint balance_kind_check;
alter table caudal.balance
    add constraint balance_kind_check check (kind in ('booked', 'available', 'limit', 'value', 'presumed'));

reset role;
