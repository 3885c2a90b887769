-- What deserves a person's look is found without reading the ledger.

set local role caudal_owner;

create index transaction_weight_index on caudal.transaction (space_id, match_weight, transaction_id)
    where into_id is not null;
create index transaction_conflict_index on caudal.transaction (space_id, booked_on, transaction_id)
    where conflict is not null and gone_at is null;

reset role;
