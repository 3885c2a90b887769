-- Back to 0020.

set local role caudal_owner;

drop index caudal.transaction_weight_index;
create index transaction_weight_index on caudal.transaction (space_id, match_weight, transaction_id)
    where into_id is not null;

reset role;
