"""The engine: schedules, the webhook inbox, events, shared budgets and health, and the queue of jobs."""

from procrastinate.schema import SchemaManager

from caudal.store.migrations.runner import run_sql, run_text

revision = "0003"
down_revision = "0002"

_QUEUE_BEGIN = """
set local role caudal_owner;
create schema caudal_jobs;
set local search_path = caudal_jobs, public;
"""

_QUEUE_END = """
-- The queue's functions name its tables without their schema: each is bound to it.
do $$
declare
    bound text;
begin
    for bound in
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'caudal_jobs'::regnamespace
    loop
        execute format('alter function %s set search_path = caudal_jobs, pg_temp', bound);
    end loop;
end
$$;

-- A job is looked for in the order of the queue's own index, and others with its lock by the lock. Without these a
-- planner that knows of an empty queue sorts the whole of a full one for each job.
alter function procrastinate_fetch_job_v2(character varying[], bigint) set enable_sort = off;
create index caudal_queued_lock_index on procrastinate_jobs (lock) where status in ('todo', 'doing');

-- A NOTIFY takes a lock of the whole server until its transaction ends: jobs are announced after the commit instead.
drop trigger procrastinate_jobs_notify_queue_job_inserted_v1 on procrastinate_jobs;
drop trigger if exists procrastinate_jobs_notify_queue_job_aborted_v1 on procrastinate_jobs;

grant usage on schema caudal_jobs to caudal_app;
grant select, insert, update, delete on all tables in schema caudal_jobs to caudal_app;
grant usage on all sequences in schema caudal_jobs to caudal_app;
grant execute on all functions in schema caudal_jobs to caudal_app;
reset search_path;
reset role;
"""


def upgrade() -> None:
    run_sql("0003_engine.up.sql")
    run_text(_QUEUE_BEGIN)
    run_text(SchemaManager.get_schema())
    run_text(_QUEUE_END)


def downgrade() -> None:
    run_sql("0003_engine.down.sql")
