-- name: mind_silence
-- For this session: a transaction whose client is silent so long is over.
select set_config('idle_in_transaction_session_timeout', %(seconds)s, false)

-- name: enter_scope
-- From here to the end of the transaction: work as the app, see these spaces alone, with `engine` what belongs to none, and
-- with `door` who may enter.
select set_config('role', 'caudal_app', true), set_config('caudal.spaces', %(spaces)s, true),
    set_config('caudal.engine', %(engine)s, true), set_config('caudal.door', %(door)s, true),
    set_config('statement_timeout', %(timeout)s, true)

-- name: enter_scope_as
-- The same, of these spaces those alone that the actor may enter now.
select set_config('role', 'caudal_app', true),
    set_config('caudal.spaces', caudal.enterable(%(actor)s, %(spaces)s::uuid[])::text, true),
    set_config('caudal.engine', '', true), set_config('caudal.door', %(door)s, true),
    set_config('statement_timeout', %(timeout)s, true)

-- name: enter_engine
-- From here to the end of the session: work as the app and as the engine, and see no space.
select set_config('role', 'caudal_app', false), set_config('caudal.spaces', '{}', false),
    set_config('caudal.engine', 'on', false),
    set_config('statement_timeout', %(timeout)s, false)

-- name: enter_directory
-- From here to the end of the transaction: work as the schema's owner, who sees which spaces there are, only.
select set_config('role', 'caudal_owner', true), set_config('caudal.spaces', '', true)

-- name: list_spaces
-- The directory of spaces.
select space_id, name from caudal.space order by created_at, space_id

-- name: insert_space
-- A new set of books. Two processes may make the same one at the same moment.
insert into caudal.space (space_id, name) values (%(space_id)s, %(name)s)
on conflict on constraint space_pk do nothing

-- name: rename_space
-- A space by another name.
update caudal.space set name = %(name)s where space_id = %(space_id)s

-- name: find_connection
-- A connection by its provider and label.
select connection_id, state from caudal.connection
where space_id = %(space_id)s and provider = %(provider)s and label = %(label)s

-- name: insert_connection
-- A new way in. Returns nothing where another process has just made the same.
insert into caudal.connection (space_id, provider, label, state)
values (%(space_id)s, %(provider)s, %(label)s, %(state)s)
on conflict on constraint connection_label_unique do nothing
returning connection_id, state

-- name: free_reference
-- What has ended lets go of its provider's name of the login, under which the same login may be linked anew.
with ended as (
    update caudal.connection set reference = reference || ' ended ' || connection_id
    where space_id = %(space_id)s and provider = %(provider)s and reference = %(reference)s and state = 'revoked'
    returning space_id, connection_id, reference
)
update caudal.schedule s set reference = ended.reference
from ended
where s.space_id = ended.space_id and s.connection_id = ended.connection_id

-- name: insert_linked_connection
-- A new connection to an institution. Its label is free: the caller holds the space's labels (lock_connections).
-- It is due at once.
with linked as (
    insert into caudal.connection
        (space_id, connection_id, provider, label, state, reference, institution_id)
    values (%(space_id)s, %(connection_id)s, %(provider)s, %(label)s, %(state)s, %(reference)s, %(institution_id)s)
    returning space_id, connection_id, provider, reference, institution_id
)
insert into caudal.schedule (space_id, connection_id, provider, reference, institution)
select l.space_id, l.connection_id, l.provider, l.reference, coalesce(i.reference, '')
from linked l
left join caudal.institution i on i.space_id = l.space_id and i.institution_id = l.institution_id

-- name: lock_connections
-- One linker at a time in a space, so that labels stay apart. 20261 is Caudal's lock class for it.
select pg_advisory_xact_lock(20261, hashtext(%(space_id)s::text))

-- name: upsert_institution
-- An institution, known to the space by its provider's id of it.
insert into caudal.institution (space_id, reference, name, country)
values (%(space_id)s, %(reference)s, %(name)s, %(country)s)
on conflict on constraint institution_reference_unique do update set
    name = excluded.name, country = coalesce(excluded.country, institution.country)
returning institution_id

-- name: list_connections
-- Connections, all or this one, with their institution, their accounts and their last run.
select c.connection_id, c.provider, c.label, c.state,
    case when c.state_reason = '' then c.needed_reason else c.state_reason end as state_reason,
    case when c.state_reason = '' then c.needed_action else c.state_action end as state_action, c.reference,
    i.reference as institution_reference, coalesce(i.name, '') as institution, c.created_at,
    coalesce(told.accounts, 0) as accounts, last.started_at as last_run_at, last.outcome as last_outcome,
    last.error as last_error, coalesce(rests.paused_at, c.paused_at) as paused_at, c.home_space_id, c.choice_until > now() as choosing
from caudal.connection c
left join caudal.schedule rests on rests.space_id = c.space_id and rests.connection_id = c.connection_id
left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
left join lateral (
    select count(*) filter (where s.gone_at is null) as accounts
    from caudal.source_account s
    where s.space_id = c.space_id and s.connection_id = c.connection_id
) told on true
left join lateral (
    select r.started_at, r.outcome, r.error
    from caudal.run r
    where r.space_id = c.space_id and r.connection_id = c.connection_id
    order by r.started_at desc
    limit 1
) last on true
where c.space_id = %(space_id)s and (%(connection_id)s::uuid is null or c.connection_id = %(connection_id)s)
order by c.created_at, c.connection_id

-- name: shown_accounts
-- What each connection shows, here or in another space, as a person linking again would see it.
select s.connection_id, s.name, s.mask, s.persistent_id
from caudal.source_account s
where s.space_id = %(space_id)s and s.gone_at is null
union all
select r.connection_id, r.name, r.mask, null
from caudal.account_route r
where r.space_id = %(space_id)s and r.to_space_id is not null

-- name: change_state
-- What has become of a connection, and with it whether it is polled. One that was revoked stays so. `mended`: what it would
-- have needed its person for is done. Returns what it was before, if that was something else.
with changed as (
    update caudal.connection set state = %(state)s, state_reason = %(reason)s, state_action = %(action)s,
        needed_by = case when not %(mended)s then needed_by end,
        needed_reason = case when %(mended)s then '' else needed_reason end,
        needed_action = case when %(mended)s then '' else needed_action end, updated_at = now()
    where space_id = %(space_id)s and connection_id = %(connection_id)s and state <> 'revoked'
        and ((state, state_reason, state_action) is distinct from (%(state)s, %(reason)s, %(action)s)
            or (%(mended)s and needed_by is not null))
    returning old.state as before, new.state
), ended as (
    delete from caudal.schedule s
    using changed
    where changed.state = 'revoked' and s.space_id = %(space_id)s and s.connection_id = %(connection_id)s
), polled as (
    update caudal.schedule s set
        due_at = case when changed.state <> 'needs_user' then coalesce(s.due_at, now()) end,
        failures = case when changed.state = 'active' then 0 else s.failures end
    from changed
    where changed.state <> 'revoked' and s.space_id = %(space_id)s and s.connection_id = %(connection_id)s
), noted as (
    insert into happened (kind, data)
    select 'connection.state',
        jsonb_build_object('state', state, 'before', before, 'reason', %(reason)s::text, 'action', %(action)s::text)
    from changed
)
select before from changed

-- name: pause_connection
-- A live connection rests, or goes on and is due at once. Returns whether it did the other before.
with changed as (
    update caudal.schedule set paused_at = case when %(paused)s then now() end,
        due_at = case when %(paused)s or due_at is null then due_at else now() end
    where space_id = %(space_id)s and connection_id = %(connection_id)s and (paused_at is null) = %(paused)s
    returning connection_id
), noted as (
    insert into happened (kind, data)
    select case when %(paused)s then 'connection.paused' else 'connection.resumed' end, '{}'::jsonb
    from changed
)
select connection_id from changed

-- name: find_account
-- Accounts by id or by name, and where one that was joined to another is found.
select account_id, name, kind, currency, joined_into from caudal.account
where space_id = %(space_id)s and (account_id::text = %(text)s or name = %(text)s)

-- name: start_run
-- One sync of one stream of a connection begins. One before it that never ended, ended with its process. In a space that the
-- connection feeds it goes by the same id.
with left_behind as (
    update caudal.run set finished_at = now(), outcome = 'partial', error = 'its process ended',
        error_class = 'Interrupted'
    where space_id = %(space_id)s and connection_id = %(connection_id)s and stream = %(stream)s
        and outcome = 'running'
)
insert into caudal.run (space_id, run_id, connection_id, stream, subject, cause)
values (%(space_id)s, coalesce(%(run_id)s::uuid, uuidv7()), %(connection_id)s, %(stream)s, %(subject)s, %(cause)s)
returning run_id

-- name: finish_run
-- It ends, with its outcome.
update caudal.run set finished_at = now(), outcome = %(outcome)s, error = %(error)s, error_class = %(error_class)s
where space_id = %(space_id)s and run_id = %(run_id)s

-- name: read_cursor
-- Where a stream stands.
select value from caudal.cursor
where space_id = %(space_id)s and connection_id = %(connection_id)s and stream = %(stream)s

-- name: select_accounts
-- Which of a connection's accounts the person wants to see. Returns those that were wanted or not before, and now aren't
-- or are.
update caudal.source_account set selected = reference = any (%(references)s), updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s and not elsewhere
    and selected <> (reference = any (%(references)s))
returning name, selected

-- name: set_history
-- How far back the person wants to see. Returns how far it was before.
update caudal.connection set history_days = %(days)s, updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s
returning old.history_days as days

-- name: pull_anew
-- Every stream of a connection from its beginning; what isn't told again is gone.
update caudal.cursor set value = '', sweep = 'all', updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: shown_accounts_of
-- The accounts of one connection, and whether the person wants to see them.
select reference, name, mask, selected from caudal.source_account
where space_id = %(space_id)s and connection_id = %(connection_id)s and gone_at is null
order by name, reference
