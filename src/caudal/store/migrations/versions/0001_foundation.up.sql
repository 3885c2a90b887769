-- The floor: spaces, ways in, what sources said, what we hold to have happened, and the proof of it.
--
-- Every row belongs to a space and is keyed by (space_id, its own id), so that a table can be distributed by
-- space without changing a query (DESIGN §6). Row-level security shows a transaction only the spaces it was
-- scoped to; the role the application works as owns nothing and cannot bypass it.
--
-- An index that only serves a foreign key leads with the parent's id, not with the space: on a table without
-- statistics the planner would else walk a whole space through it.
--
-- Naming: <table>_pk, <table>_<what>_unique, <table>_<parent>_fk, <table>_<what>_check, <table>_<columns>_index.

do $$
begin
    -- Roles belong to the whole server, which may hold several databases: another may have made them already.
    -- Or whoever runs the server, for a role that may make none.
    if not exists (select from pg_roles where rolname = 'caudal_owner') then
        begin
            create role caudal_owner nologin;
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
    if not exists (select from pg_roles where rolname = 'caudal_app') then
        begin
            create role caudal_app nologin;
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
    if not (pg_has_role(current_user, 'caudal_owner', 'set') and pg_has_role(current_user, 'caudal_app', 'set')) then
        execute format('grant caudal_owner, caudal_app to %I', current_user);
    end if;
    execute format('grant create, connect, temporary on database %I to caudal_owner', current_database());
    execute format('grant connect, temporary on database %I to caudal_app', current_database());
end
$$;

set local role caudal_owner;

create schema caudal;
grant usage on schema caudal to caudal_app;

-- Which spaces this transaction may see: the setting caudal.spaces, an array literal of ids. Unset: none.
create function caudal.scope() returns uuid[]
    language sql stable parallel safe
    set search_path = ''
    return coalesce(nullif(current_setting('caudal.spaces', true), ''), '{}')::uuid[];

create table caudal.space (
    space_id uuid not null default uuidv7(),
    name text not null,
    created_at timestamptz not null default now(),
    constraint space_pk primary key (space_id),
    constraint space_name_check check (name <> '')
);

create table caudal.institution (
    space_id uuid not null,
    institution_id uuid not null default uuidv7(),
    reference text not null,
    name text not null,
    country text,
    constraint institution_pk primary key (space_id, institution_id),
    constraint institution_reference_unique unique (space_id, reference),
    constraint institution_space_fk foreign key (space_id) references caudal.space (space_id)
);

create table caudal.connection (
    space_id uuid not null,
    connection_id uuid not null default uuidv7(),
    provider text not null,
    institution_id uuid,
    state text not null default 'linking',
    label text not null default '',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint connection_pk primary key (space_id, connection_id),
    constraint connection_label_unique unique (space_id, provider, label),
    constraint connection_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint connection_institution_fk foreign key (space_id, institution_id)
        references caudal.institution (space_id, institution_id),
    constraint connection_state_check check (state in ('linking', 'active', 'degraded', 'needs_user', 'revoked'))
);
create index connection_institution_index on caudal.connection (institution_id, space_id);

-- A connection's data key, wrapped by the key provider. Deleting the row makes all it sealed unreadable.
create table caudal.data_key (
    space_id uuid not null,
    data_key_id uuid not null default uuidv7(),
    connection_id uuid not null,
    wrapping_key text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    constraint data_key_pk primary key (space_id, data_key_id),
    constraint data_key_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id)
);
create index data_key_connection_index on caudal.data_key (connection_id, space_id);
create index data_key_wrapping_key_index on caudal.data_key (wrapping_key, space_id);

create table caudal.credential (
    space_id uuid not null,
    credential_id uuid not null default uuidv7(),
    connection_id uuid not null,
    field text not null,
    data_key_id uuid not null,
    sealed bytea not null,
    updated_at timestamptz not null default now(),
    constraint credential_pk primary key (space_id, credential_id),
    constraint credential_field_unique unique (space_id, connection_id, field),
    constraint credential_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id),
    constraint credential_data_key_fk foreign key (space_id, data_key_id)
        references caudal.data_key (space_id, data_key_id)
);
create index credential_data_key_index on caudal.credential (data_key_id, space_id);

-- The real account. One or more source accounts tell of it.
create table caudal.account (
    space_id uuid not null,
    account_id uuid not null default uuidv7(),
    name text not null,
    kind text not null,
    currency text not null,
    institution_id uuid,
    created_at timestamptz not null default now(),
    constraint account_pk primary key (space_id, account_id),
    constraint account_name_unique unique (space_id, name),
    constraint account_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint account_institution_fk foreign key (space_id, institution_id)
        references caudal.institution (space_id, institution_id),
    constraint account_kind_check check (kind in
        ('checking', 'savings', 'card', 'loan', 'investment', 'cash', 'exchange', 'wallet', 'other'))
);
create index account_institution_index on caudal.account (institution_id, space_id);

-- An account as one connection shows it. `reference` is the connection's own name for it.
create table caudal.source_account (
    space_id uuid not null,
    source_account_id uuid not null default uuidv7(),
    connection_id uuid not null,
    account_id uuid not null,
    reference text not null,
    name text not null,
    kind text not null,
    currency text not null,
    iban text,
    number text,
    institution text,
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint source_account_pk primary key (space_id, source_account_id),
    constraint source_account_reference_unique unique (space_id, connection_id, reference),
    constraint source_account_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id),
    constraint source_account_account_fk foreign key (space_id, account_id)
        references caudal.account (space_id, account_id)
);
create index source_account_account_index on caudal.source_account (account_id, space_id);

-- One sync of one connection, with its outcome and counts.
create table caudal.run (
    space_id uuid not null,
    run_id uuid not null default uuidv7(),
    connection_id uuid not null,
    subject text not null default '',
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    outcome text not null default 'running',
    error text,
    pages integer not null default 0,
    seen bigint not null default 0,
    created bigint not null default 0,
    changed bigint not null default 0,
    gone bigint not null default 0,
    quarantined bigint not null default 0,
    constraint run_pk primary key (space_id, run_id),
    constraint run_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id),
    constraint run_outcome_check check (outcome in ('running', 'complete', 'partial', 'failed')),
    constraint run_finished_check check ((finished_at is null) = (outcome = 'running'))
);
create index run_connection_index on caudal.run (space_id, connection_id, started_at desc);

-- Where each stream of a connection stands. Moves only in the transaction that writes its page.
create table caudal.cursor (
    space_id uuid not null,
    connection_id uuid not null,
    stream text not null,
    value text not null,
    updated_at timestamptz not null default now(),
    constraint cursor_pk primary key (space_id, connection_id, stream),
    constraint cursor_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id)
);

-- One version of one transaction as one source account told it. Never updated, never deleted.
create table caudal.observation (
    space_id uuid not null,
    observation_id uuid not null default uuidv7(),
    source_account_id uuid not null,
    provider_id text not null,
    version integer not null,
    run_id uuid not null,
    gone boolean not null default false,
    status text not null,
    amount numeric not null,
    currency text not null,
    booked_on date not null,
    entered_on date,
    value_on date,
    authorized_on date,
    occurred_at timestamptz,
    description text not null,
    counterparty text not null,
    reference text not null,
    raw text not null,
    seen_at timestamptz not null default now(),
    constraint observation_pk primary key (space_id, observation_id),
    constraint observation_version_unique unique (space_id, source_account_id, provider_id, version),
    constraint observation_source_account_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint observation_run_fk foreign key (space_id, run_id) references caudal.run (space_id, run_id),
    constraint observation_provider_id_check check (provider_id <> ''),
    constraint observation_version_check check (version >= 1),
    constraint observation_status_check check (status in ('booked', 'pending'))
);
create index observation_run_index on caudal.observation (run_id, space_id);

-- What we hold to have happened: one real movement on one account. Derived from its observations.
create table caudal.transaction (
    space_id uuid not null,
    transaction_id uuid not null default uuidv7(),
    account_id uuid not null,
    status text not null,
    amount numeric not null,
    currency text not null,
    booked_on date not null,
    entered_on date,
    value_on date,
    authorized_on date,
    occurred_at timestamptz,
    description text not null,
    counterparty text not null,
    reference text not null,
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint transaction_pk primary key (space_id, transaction_id),
    constraint transaction_account_fk foreign key (space_id, account_id)
        references caudal.account (space_id, account_id),
    constraint transaction_status_check check (status in ('booked', 'pending'))
);
create index transaction_account_index
    on caudal.transaction (space_id, account_id, booked_on desc, transaction_id desc);

-- The ledger by day: what each account holds as booked on each day (the day a movement entered the bank's balance,
-- where the bank shows that it isn't the booking day). Follows from transaction and moves in the same statement
-- (page.sql: upsert_transactions), so that a proof costs days and not transactions.
create table caudal.account_day (
    space_id uuid not null,
    account_id uuid not null,
    currency text not null,
    day date not null,
    booked numeric not null,
    booked_count bigint not null,
    pending_count bigint not null,
    constraint account_day_pk primary key (space_id, account_id, currency, day),
    constraint account_day_account_fk foreign key (space_id, account_id)
        references caudal.account (space_id, account_id)
);

-- Which observation tells of which transaction, and by what rule we think so.
create table caudal.observation_link (
    space_id uuid not null,
    observation_id uuid not null,
    transaction_id uuid not null,
    rule text not null,
    linked_at timestamptz not null default now(),
    constraint observation_link_pk primary key (space_id, observation_id),
    constraint observation_link_observation_fk foreign key (space_id, observation_id)
        references caudal.observation (space_id, observation_id),
    constraint observation_link_transaction_fk foreign key (space_id, transaction_id)
        references caudal.transaction (space_id, transaction_id)
);
create index observation_link_transaction_index on caudal.observation_link (transaction_id, space_id);

-- A figure a source reported: it stood at the end of the day `as_of`.
create table caudal.balance (
    space_id uuid not null,
    balance_id uuid not null default uuidv7(),
    source_account_id uuid not null,
    run_id uuid not null,
    kind text not null,
    as_of date not null,
    amount numeric not null,
    currency text not null,
    firm boolean not null,
    told_at timestamptz,
    seen_at timestamptz not null default now(),
    constraint balance_pk primary key (space_id, balance_id),
    constraint balance_told_unique unique nulls not distinct
        (space_id, source_account_id, kind, as_of, currency, amount, firm, told_at),
    constraint balance_source_account_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint balance_run_fk foreign key (space_id, run_id) references caudal.run (space_id, run_id),
    constraint balance_kind_check check (kind in ('booked', 'available', 'limit'))
);
create index balance_run_index on caudal.balance (run_id, space_id);

-- From day to day, both included, the source told everything it holds (DESIGN §2.4).
create table caudal.coverage (
    space_id uuid not null,
    coverage_id uuid not null default uuidv7(),
    source_account_id uuid not null,
    run_id uuid not null,
    start_on date not null,
    end_on date not null,
    seen_at timestamptz not null default now(),
    constraint coverage_pk primary key (space_id, coverage_id),
    constraint coverage_window_unique unique (space_id, source_account_id, start_on, end_on),
    constraint coverage_source_account_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint coverage_run_fk foreign key (space_id, run_id) references caudal.run (space_id, run_id),
    constraint coverage_order_check check (start_on <= end_on)
);
create index coverage_run_index on caudal.coverage (run_id, space_id);

-- What could not be understood: raw, with where and why, told once however often it is seen.
create table caudal.quarantine (
    space_id uuid not null,
    quarantine_id uuid not null default uuidv7(),
    connection_id uuid not null,
    run_id uuid not null,
    subject text not null,
    place text not null,
    why text not null,
    raw text not null,
    fingerprint bytea not null,
    seen_at timestamptz not null default now(),
    constraint quarantine_pk primary key (space_id, quarantine_id),
    constraint quarantine_fingerprint_unique unique (space_id, connection_id, fingerprint),
    constraint quarantine_connection_fk foreign key (space_id, connection_id)
        references caudal.connection (space_id, connection_id),
    constraint quarantine_run_fk foreign key (space_id, run_id) references caudal.run (space_id, run_id)
);
create index quarantine_run_index on caudal.quarantine (run_id, space_id);

-- Each account's verdict per currency (DESIGN §2.5). Replaced by each run; the evidence stays in balance.
create table caudal.proof (
    space_id uuid not null,
    account_id uuid not null,
    currency text not null,
    verdict text not null,
    proven_to date,
    off_by numeric,
    off_since date,
    checked_at timestamptz not null default now(),
    constraint proof_pk primary key (space_id, account_id, currency),
    constraint proof_account_fk foreign key (space_id, account_id)
        references caudal.account (space_id, account_id),
    constraint proof_verdict_check check (
        (verdict = 'proven' and proven_to is not null and off_by is null and off_since is null)
        or (verdict = 'off' and off_by is not null and off_since is not null)
        or (verdict = 'none' and proven_to is null and off_by is null and off_since is null))
);

-- Everything that changed state, each entry sealed to the one before it by a keyed MAC.
create table caudal.audit_entry (
    space_id uuid not null,
    seq bigint not null,
    at timestamptz not null,
    actor text not null,
    act text not null,
    details jsonb not null,
    prev bytea not null,
    mac bytea not null,
    constraint audit_entry_pk primary key (space_id, seq),
    constraint audit_entry_space_fk foreign key (space_id) references caudal.space (space_id)
);

-- Row-level security on all of them: the app sees the spaces in scope; the owner, no rows but the directory
-- of spaces, which `caudal spaces` and the rotation of keys walk.
do $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'caudal' loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
end
$$;
create policy space_directory on caudal.space for select to caudal_owner using (true);
revoke update, delete on caudal.observation, caudal.audit_entry from caudal_app;

reset role;
