-- Back to 0016: what rested is pulled again.

set local role caudal_owner;

alter table caudal.schedule drop column paused_at;

reset role;
