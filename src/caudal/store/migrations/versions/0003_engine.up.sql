-- The engine: when each connection is due, webhooks as they came, events as they happened, budgets and health shared by
-- all workers. The queue of jobs is procrastinate's own schema, in caudal_jobs (see 0003_engine.py).

set local role caudal_owner;

-- Whether this transaction is the engine's own: it sees when connections of every space are due and whose webhooks are
-- whose, and of what is inside a space only what it entered. The setting caudal.engine.
create function caudal.is_engine() returns boolean
    language sql stable parallel safe
    set search_path = ''
    return coalesce(current_setting('caudal.engine', true), '') = 'on';

-- What the engine knows of each live connection without entering its space. No row: it has ended.
-- `due_at` null: it is not polled, its person is needed first. `held_until`: its provider said not before.
-- `failures`: runs in a row that failed. `backfilling`: its history is still being fetched.
-- `unattended` pulls were made on `unattended_on` (UTC) with nobody present: some banks count them. `since`: from when on
-- a connection that never had a good run is waiting for one.
create table caudal.schedule (
    space_id uuid not null,
    connection_id uuid not null,
    provider text not null,
    reference text not null,
    institution text not null default '',
    due_at timestamptz default now(),
    held_until timestamptz,
    failures integer not null default 0,
    backfilling boolean not null default false,
    last_good_at timestamptz,
    since timestamptz not null default now(),
    unattended_on date,
    unattended integer not null default 0,
    constraint schedule_pk primary key (space_id, connection_id),
    constraint schedule_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id)
);
create index schedule_due_index on caudal.schedule (due_at);
create index schedule_reference_index on caudal.schedule (provider, reference);

alter table caudal.connection no force row level security;
alter table caudal.institution no force row level security;
alter table caudal.run no force row level security;
insert into caudal.schedule (space_id, connection_id, provider, reference, institution, due_at, last_good_at)
select c.space_id, c.connection_id, c.provider, c.reference, coalesce(i.reference, ''),
    case when c.state = 'needs_user' then null else now() end,
    (select max(r.finished_at) from caudal.run r
        where r.space_id = c.space_id and r.connection_id = c.connection_id and r.outcome = 'complete')
from caudal.connection c
left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
where c.reference is not null and c.state <> 'revoked';
alter table caudal.connection force row level security;
alter table caudal.institution force row level security;
alter table caudal.run force row level security;

-- `history_days`: how far back the person wants to see; null: all there is. `needed_by`: it works, and will need its person
-- by then, why and for what.
alter table caudal.connection
    add column history_days integer,
    add column needed_by timestamptz,
    add column needed_reason text not null default '',
    add column needed_action text not null default '',
    add constraint connection_history_days_check check (history_days > 0);

-- What the person doesn't want to see of a connection is not written.
alter table caudal.source_account add column selected boolean not null default true;

-- Why a run was made, how many of what it was told were left out by the person's choice, and which of the errors ended it.
alter table caudal.run
    add column cause text not null default 'manual',
    add column error_class text not null default '',
    add column left_out bigint not null default 0,
    add constraint run_cause_check check (cause in ('manual', 'webhook', 'schedule', 'backfill', 'import'));

-- Webhooks as they came, verified: each is kept before it is answered. `event_key` is the provider's own name of it, else
-- what was signed. The body is sealed: some carry tokens. `due_at`: when it is to be tried again.
create table caudal.inbox (
    inbox_id uuid not null default uuidv7(),
    provider text not null,
    event_key text not null,
    received_at timestamptz not null,
    wrapping_key text not null,
    sealed bytea not null,
    state text not null default 'new',
    attempts integer not null default 0,
    error text not null default '',
    outcome text not null default '',
    kept_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    done_at timestamptz,
    constraint inbox_pk primary key (inbox_id),
    constraint inbox_event_unique unique (provider, event_key),
    constraint inbox_state_check check (state in ('new', 'done', 'dead')),
    constraint inbox_done_check check ((done_at is null) = (state = 'new'))
);
create index inbox_new_index on caudal.inbox (inbox_id) where state = 'new';
create index inbox_dead_index on caudal.inbox (inbox_id) where state = 'dead';
create index inbox_done_index on caudal.inbox (done_at) where state = 'done';

-- What happened in a space, in the order in which it was committed: `seq` counts without gaps. Written with the data it
-- tells of; never changed.
alter table caudal.space add column last_event bigint not null default 0;
create table caudal.event (
    space_id uuid not null,
    seq bigint not null,
    at timestamptz not null default now(),
    kind text not null,
    connection_id uuid,
    account_id uuid,
    data jsonb not null,
    constraint event_pk primary key (space_id, seq),
    constraint event_space_fk foreign key (space_id) references caudal.space (space_id)
);

-- How often providers may be asked, shared by every process. `turn_at`: when the next turn is free (the theoretical
-- arrival time of the generic cell rate algorithm). `item` '': of the whole account with the provider.
create table caudal.budget (
    provider text not null,
    operation text not null,
    item text not null,
    turn_at timestamptz,
    held_until timestamptz,
    constraint budget_pk primary key (provider, operation, item)
);

-- What doesn't add up is rare, and looked for across all spaces.
create index proof_off_index on caudal.proof (space_id, account_id) where verdict = 'off';

-- Calls to providers, added up by the hour. `took`: how many took up to each of the bounds of health.py, the last: more.
create table caudal.call_count (
    provider text not null,
    institution text not null,
    operation text not null,
    outcome text not null,
    hour timestamptz not null,
    calls bigint not null,
    ms_sum bigint not null,
    took bigint[] not null,
    constraint call_count_pk primary key (hour, provider, institution, operation, outcome)
);

do $$
declare
    name text;
begin
    foreach name in array array['schedule', 'event'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
    end loop;
    foreach name in array array['schedule', 'inbox', 'budget', 'call_count'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using ((select caudal.is_engine())) with check ((select caudal.is_engine()))',
                       name || '_engine', name);
    end loop;
    foreach name in array array['schedule', 'inbox', 'event', 'budget', 'call_count'] loop
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
end
$$;
revoke update on caudal.event from caudal_app;

reset role;
