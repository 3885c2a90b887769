-- Back to 0017. The lists are fetched again on the way up.

set local role caudal_owner;

drop table caudal.institution_offered;

reset role;
