-- Back to 0014. Links that are under way end.

set local role caudal_owner;

drop table caudal.link_session;

reset role;
