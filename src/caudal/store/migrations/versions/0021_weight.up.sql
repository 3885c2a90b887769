-- An index for the review that also fits `into_id = …` by its condition alone would be taken for that look-up while few
-- were taken for others, and read whole for each movement once many are.

set local role caudal_owner;

drop index caudal.transaction_weight_index;
create index transaction_weight_index on caudal.transaction (space_id, match_weight, transaction_id)
    where match_weight is not null;

reset role;
