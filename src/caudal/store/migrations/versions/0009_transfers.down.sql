-- Back to a ledger that knows no transfers: those that were found, and what people said of them, are lost.

set local role caudal_owner;

drop function caudal.other_sides(uuid, uuid[], integer, numeric, jsonb, jsonb);
drop function caudal.linked_sides(uuid, uuid[]);
drop table caudal.transfer, caudal.transfer_doubt, caudal.fx_rate;

alter table caudal.decision no force row level security;
delete from caudal.decision where kind in ('transfer', 'no_transfer');
alter table caudal.decision force row level security;
alter table caudal.decision
    drop constraint decision_kind_check,
    drop constraint decision_other_check,
    add constraint decision_kind_check check (kind in ('one', 'apart', 'edit', 'delete', 'lock', 'split')),
    add constraint decision_other_check check ((kind in ('one', 'apart')) = (other_id is not null));

drop index caudal.transaction_side_index, caudal.transaction_side_authorized_index;
alter table caudal.transaction drop column side_key;

reset role;
