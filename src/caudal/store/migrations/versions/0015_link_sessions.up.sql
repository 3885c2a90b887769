-- Links that are under way, each by a page that whoever holds its token may go through.

set local role caudal_owner;

-- `digest`: of the token. `made_by`: the actor in whose name it is worked. `step`: what the provider gave last, sealed under
-- `step_key`. `word`: a digest of what a redirect has to bring back. `working_since`: somebody is at it; one at a time.
create table caudal.link_session (
    space_id uuid not null,
    session_id uuid not null default uuidv7(),
    digest bytea not null,
    state text not null,
    provider text not null default '',
    institution text not null default '',
    relink uuid,
    language text not null default 'en',
    app text not null default '',
    purpose text not null default '',
    return_url text not null default '',
    embed_origin text not null default '',
    made_by text not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    agreed_at timestamptz,
    working_since timestamptz,
    asked_at timestamptz,
    step bytea,
    step_key text,
    word bytea,
    connection_id uuid,
    why text not null default '',
    constraint link_session_pk primary key (space_id, session_id),
    constraint link_session_digest_unique unique (digest),
    constraint link_session_space_fk foreign key (space_id) references caudal.space (space_id),
    constraint link_session_state_check check
        (state in ('choose', 'consent', 'visit', 'ask', 'found', 'linked', 'mended', 'abandoned')),
    constraint link_session_step_check check ((step is null) = (step_key is null))
);
create index link_session_word_index on caudal.link_session (word) where word is not null;
create index link_session_expires_index on caudal.link_session (expires_at);

alter table caudal.link_session enable row level security, force row level security;
create policy link_session_scope on caudal.link_session to caudal_app
    using (space_id = any ((select caudal.scope())::uuid[])) with check (space_id = any ((select caudal.scope())::uuid[]));
create policy link_session_door on caudal.link_session to caudal_app
    using ((select caudal.is_door())) with check ((select caudal.is_door()));
grant select, insert, update, delete on caudal.link_session to caudal_app;

reset role;
