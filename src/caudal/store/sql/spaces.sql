-- name: enter_scope
-- From here to the end of the transaction: work as the app, see these spaces alone.
select set_config('role', 'caudal_app', true), set_config('caudal.spaces', %(spaces)s, true),
    set_config('statement_timeout', %(timeout)s, true)

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

-- name: find_account
-- Accounts by id or by name.
select account_id, name, kind, currency from caudal.account
where space_id = %(space_id)s and (account_id::text = %(text)s or name = %(text)s)

-- name: start_run
-- One sync of one connection begins.
insert into caudal.run (space_id, connection_id, subject) values (%(space_id)s, %(connection_id)s, %(subject)s)
returning run_id

-- name: finish_run
-- It ends, with its outcome.
update caudal.run set finished_at = now(), outcome = %(outcome)s, error = %(error)s
where space_id = %(space_id)s and run_id = %(run_id)s

-- name: read_cursor
-- Where a stream stands.
select value from caudal.cursor
where space_id = %(space_id)s and connection_id = %(connection_id)s and stream = %(stream)s
