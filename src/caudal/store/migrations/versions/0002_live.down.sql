-- Back to statement files alone: the ledger stays; positions and what live connections need is lost.

set local role caudal_owner;

drop table caudal.holding, caudal.told_again;
alter table caudal.source_account drop column holdings_as_of, drop column mask, drop column persistent_id;
alter table caudal.balance no force row level security;
delete from caudal.balance where kind = 'value';
alter table caudal.balance force row level security;
alter table caudal.balance
    drop column held_before,
    drop column held_since,
    drop constraint balance_kind_check,
    add constraint balance_kind_check check (kind in ('booked', 'available', 'limit'));
revoke maintain on caudal.transaction, caudal.observation, caudal.observation_link, caudal.account_day, caudal.balance
    from caudal_app;
drop index caudal.transaction_account_index;
create index transaction_account_index
    on caudal.transaction (space_id, account_id, booked_on desc, transaction_id desc);
alter table caudal.transaction drop column follows;
alter table caudal.observation drop column replaces;
alter table caudal.cursor drop column sweep, drop column rested_at;
alter table caudal.account drop column proof_due;
alter table caudal.run drop column stream;
alter table caudal.connection drop column reference, drop column state_reason, drop column state_action;

reset role;
