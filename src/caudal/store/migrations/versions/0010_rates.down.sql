-- Back to one rate a pair and day: of several sources the one whose name comes first stays. Prices, corrections and the
-- spaces' currencies are lost.

set local role caudal_owner;

drop table caudal.price, caudal.rate_corrected, caudal.rate_asked;

alter table caudal.fx_rate no force row level security;
delete from caudal.fx_rate gone
using caudal.fx_rate kept
where (gone.base, gone.quote, gone.day) = (kept.base, kept.quote, kept.day) and gone.source > kept.source;
alter table caudal.fx_rate force row level security;

drop index caudal.fx_rate_fresh_index;
alter table caudal.fx_rate
    drop constraint fx_rate_pk,
    drop column via,
    drop column fetched_at,
    drop column fresh,
    add constraint fx_rate_pk primary key (base, quote, day);

alter table caudal.space
    drop constraint space_currency_check,
    drop column currency;

reset role;
