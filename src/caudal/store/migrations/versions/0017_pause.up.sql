-- A connection may be let rest: nothing is pulled until its person goes on.

set local role caudal_owner;

alter table caudal.schedule add column paused_at timestamptz;

reset role;
