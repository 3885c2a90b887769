-- Back to syncing by hand: schedules, webhooks, events, budgets, health and the queue are lost.

set local role caudal_owner;

drop schema caudal_jobs cascade;
drop table caudal.schedule, caudal.inbox, caudal.event, caudal.budget, caudal.call_count;
drop index caudal.proof_off_index;
drop function caudal.is_engine();
alter table caudal.space drop column last_event;
alter table caudal.run drop column cause, drop column error_class, drop column left_out;
alter table caudal.source_account drop column selected;
alter table caudal.connection drop column history_days, drop column needed_by, drop column needed_reason,
    drop column needed_action;

reset role;
