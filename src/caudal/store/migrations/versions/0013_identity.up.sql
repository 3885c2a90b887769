-- Who may enter. People, their second factors and their sessions are of no space: the door alone sees them. Members,
-- invitations and keys are of a space, and the door sees them too, for it has to find out which space that is.
-- Of nothing that lets somebody in is more kept than a digest, or sealed.

set local role caudal_owner;

-- Whether this transaction is the door's own. The setting caudal.door.
create function caudal.is_door() returns boolean
    language sql stable parallel safe
    set search_path = ''
    return coalesce(current_setting('caudal.door', true), '') = 'on';

-- `email`: in lower case. `password`: its hash (PHC string); null: none, a passkey opens. `totp`: the sealed seed, under
-- `totp_key`; `totp_since` null: shown, and not yet confirmed. `totp_step`: the last time step whose code was used.
create table caudal.person (
    person_id uuid not null default uuidv7(),
    email text not null,
    name text not null,
    language text not null default 'en',
    password text,
    totp bytea,
    totp_key text,
    totp_since timestamptz,
    totp_step bigint not null default 0,
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    constraint person_pk primary key (person_id),
    constraint person_email_unique unique (email),
    constraint person_email_check check (email = lower(email) and email <> ''),
    constraint person_totp_check check ((totp is null) = (totp_key is null))
);

create table caudal.passkey (
    credential_id bytea not null,
    person_id uuid not null,
    public_key bytea not null,
    sign_count bigint not null,
    transports text[] not null default '{}',
    name text not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint passkey_pk primary key (credential_id),
    constraint passkey_person_fk foreign key (person_id) references caudal.person (person_id)
);
create index passkey_person_index on caudal.passkey (person_id);

create table caudal.recovery_code (
    person_id uuid not null,
    digest bytea not null,
    used_at timestamptz,
    constraint recovery_code_pk primary key (person_id, digest),
    constraint recovery_code_person_fk foreign key (person_id) references caudal.person (person_id)
);

-- A login and all its tokens. `strong`: with a second factor. `idle_at`: over then, unless it is used.
create table caudal.session (
    session_id uuid not null default uuidv7(),
    person_id uuid not null,
    strong boolean not null,
    agent text not null default '',
    address text not null default '',
    created_at timestamptz not null default now(),
    proved_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    idle_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_why text not null default '',
    constraint session_pk primary key (session_id),
    constraint session_person_fk foreign key (person_id) references caudal.person (person_id)
);
create index session_person_index on caudal.session (person_id);
create index session_expires_index on caudal.session (expires_at);

-- What a session shows. A refresh token is used once (`used_at`); used again later than a lost answer explains, it was
-- stolen, and the session ends.
create table caudal.session_token (
    digest bytea not null,
    session_id uuid not null,
    kind text not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint session_token_pk primary key (digest),
    constraint session_token_session_fk foreign key (session_id) references caudal.session (session_id) on delete cascade,
    constraint session_token_kind_check check (kind in ('access', 'refresh'))
);
create index session_token_session_index on caudal.session_token (session_id);

-- What begins and must be ended soon: the first owner's token, a login that lacks its second factor, a passkey's challenge.
create table caudal.ceremony (
    digest bytea not null,
    kind text not null,
    person_id uuid,
    data bytea not null default '',
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint ceremony_pk primary key (digest),
    constraint ceremony_person_fk foreign key (person_id) references caudal.person (person_id)
);
create index ceremony_person_index on caudal.ceremony (person_id) where person_id is not null;
create index ceremony_expires_index on caudal.ceremony (expires_at);

-- Tries that failed, by whom they were of (a digest of the account and the address, or of the address).
create table caudal.attempt (
    subject bytea not null,
    at timestamptz not null default now()
);
create index attempt_subject_index on caudal.attempt (subject, at);
create index attempt_at_index on caudal.attempt (at);

create table caudal.member (
    space_id uuid not null,
    person_id uuid not null,
    role text not null,
    joined_at timestamptz not null default now(),
    constraint member_pk primary key (space_id, person_id),
    constraint member_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint member_person_fk foreign key (person_id) references caudal.person (person_id),
    constraint member_role_check check (role in ('owner', 'admin', 'member', 'viewer', 'auditor', 'agent'))
);
create index member_person_index on caudal.member (person_id);

create table caudal.invitation (
    space_id uuid not null,
    invitation_id uuid not null default uuidv7(),
    email text not null,
    role text not null,
    digest bytea not null,
    invited_by uuid not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    accepted_at timestamptz,
    withdrawn_at timestamptz,
    constraint invitation_pk primary key (space_id, invitation_id),
    constraint invitation_digest_unique unique (digest),
    constraint invitation_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint invitation_person_fk foreign key (invited_by) references caudal.person (person_id),
    constraint invitation_role_check check (role in ('owner', 'admin', 'member', 'viewer', 'auditor', 'agent'))
);
create index invitation_person_index on caudal.invitation (invited_by);

-- `networks`: from where alone it may be used; empty: from anywhere.
create table caudal.api_key (
    space_id uuid not null,
    key_id text not null,
    digest bytea not null,
    name text not null,
    role text not null,
    scopes text[] not null,
    networks text[] not null default '{}',
    made_by uuid not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    constraint api_key_pk primary key (space_id, key_id),
    constraint api_key_id_unique unique (key_id),
    constraint api_key_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint api_key_person_fk foreign key (made_by) references caudal.person (person_id),
    constraint api_key_role_check check (role in ('member', 'agent'))
);
create index api_key_person_index on caudal.api_key (made_by);

-- The answer that a request under this name got, sealed under `sealed_by` (it may show a new key); null: it isn't answered yet.
create table caudal.idempotency (
    owner text not null,
    name text not null,
    request bytea not null,
    made_at timestamptz not null default now(),
    status integer,
    answer bytea,
    sealed_by text,
    constraint idempotency_pk primary key (owner, name)
);
create index idempotency_made_index on caudal.idempotency (made_at);

do $$
declare
    name text;
begin
    foreach name in array array['person', 'passkey', 'recovery_code', 'session', 'session_token', 'ceremony', 'attempt',
                                'idempotency'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using ((select caudal.is_door())) with check ((select caudal.is_door()))', name || '_door', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
    foreach name in array array['member', 'invitation', 'api_key'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
        execute format('create policy %I on caudal.%I for select to caudal_app using ((select caudal.is_door()))',
                       name || '_door', name);
        execute format('grant select, insert, update, delete on caudal.%I to caudal_app', name);
    end loop;
end
$$;
create policy member_directory on caudal.member for select to caudal_owner using (true);
create policy api_key_directory on caudal.api_key for select to caudal_owner using (true);

-- Which of these spaces an actor may enter now: 'person:<id>' those they are a member of, 'key:<id>' its own, as long as it
-- is good. Whatever else was checked, a transaction of theirs sees no other.
create function caudal.enterable(actor text, spaces uuid[]) returns uuid[]
    language sql stable security definer
    set search_path = ''
begin atomic
    select coalesce(array_agg(wanted.space_id), '{}')
    from unnest(spaces) as wanted (space_id)
    where case split_part(actor, ':', 1)
        when 'person' then exists (
            select from caudal.member m
            where m.space_id = wanted.space_id and m.person_id = split_part(actor, ':', 2)::uuid)
        when 'key' then exists (
            select from caudal.api_key k
            join caudal.member m on m.space_id = k.space_id and m.person_id = k.made_by
            where k.space_id = wanted.space_id and k.key_id = split_part(actor, ':', 2)
                and k.revoked_at is null and k.expires_at > now())
        else false end;
end;
revoke all on function caudal.enterable(text, uuid[]) from public;
grant execute on function caudal.enterable(text, uuid[]) to caudal_app;

create policy space_door on caudal.space for select to caudal_app using ((select caudal.is_door()));

reset role;
