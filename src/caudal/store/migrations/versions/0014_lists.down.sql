-- Back to 0012. What is lost is made anew from the transactions on the way up.

set local role caudal_owner;

drop table caudal.search_day;
drop function caudal.amount_mark(numeric);
drop function caudal.folded(text);
drop index caudal.transaction_day_index;

reset role;
