-- Back to 0015.

set local role caudal_owner;

drop index caudal.transaction_conflict_index;
drop index caudal.transaction_weight_index;

reset role;
