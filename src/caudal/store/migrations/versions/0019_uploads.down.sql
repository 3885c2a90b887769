-- Back to 0018. Files that wait are to be sent again.

set local role caudal_owner;

drop table caudal.upload;

reset role;
