-- Back to one transaction for each source's telling: what was concluded beyond that, and what people decided, is lost.

set local role caudal_owner;

drop function caudal.neighbours(uuid, uuid, jsonb);
drop table caudal.decision, caudal.doubt;
drop index caudal.observation_fallback_index, caudal.transaction_pending_index, caudal.observation_near_index,
    caudal.observation_gone_index, caudal.observation_pending_index;

alter table caudal.transaction no force row level security;
alter table caudal.observation no force row level security;
alter table caudal.account_day no force row level security;
update caudal.transaction t set
    status = o.status, amount = o.amount, currency = o.currency, booked_on = o.booked_on, entered_on = o.entered_on,
    value_on = o.value_on, authorized_on = o.authorized_on, occurred_at = o.occurred_at, description = o.description,
    counterparty = o.counterparty, reference = o.reference,
    gone_at = case when o.gone then coalesce(t.gone_at, now()) end
from caudal.observation o
where t.concluded and o.space_id = t.space_id and o.observation_id = t.follows;
delete from caudal.account_day;
insert into caudal.account_day (space_id, account_id, currency, day, booked, booked_count, pending_count)
select space_id, account_id, currency, coalesce(entered_on, booked_on),
    coalesce(sum(amount) filter (where status = 'booked'), 0),
    count(*) filter (where status = 'booked'), count(*) filter (where status = 'pending')
from caudal.transaction
where gone_at is null
group by 1, 2, 3, 4;
alter table caudal.transaction force row level security;
alter table caudal.observation force row level security;
alter table caudal.account_day force row level security;

alter table caudal.transaction
    drop column into_id, drop column concluded, drop column match_rule, drop column match_weight,
    drop column match_found, drop column category, drop column deleted, drop column locked, drop column split,
    drop column conflict;
alter table caudal.observation drop column category, drop column amount_key, drop column fallback_id;
alter table caudal.source_account drop column withdraws;

reset role;
