-- name: insert_data_key
-- A connection's data key, wrapped.
insert into caudal.data_key (space_id, data_key_id, connection_id, wrapping_key, wrapped)
values (%(space_id)s, %(data_key_id)s, %(connection_id)s, %(wrapping_key)s, %(wrapped)s)

-- name: latest_data_key
-- The data key new secrets of this connection are sealed under.
select data_key_id, connection_id, wrapping_key, wrapped from caudal.data_key
where space_id = %(space_id)s and connection_id = %(connection_id)s
order by created_at desc, data_key_id desc
limit 1

-- name: upsert_credential
-- A sealed secret, replacing the one before.
insert into caudal.credential (space_id, connection_id, field, data_key_id, sealed)
values (%(space_id)s, %(connection_id)s, %(field)s, %(data_key_id)s, %(sealed)s)
on conflict on constraint credential_field_unique do update set
    data_key_id = excluded.data_key_id, sealed = excluded.sealed, updated_at = now()

-- name: hold_credentials
-- Wait until nobody else renews this connection's secrets, and let nobody until the transaction ends. 20264 is Caudal's
-- lock class for it. The provider is asked meanwhile: silence is minded only beyond the longest call.
select pg_advisory_xact_lock(20264, hashtext(%(connection_id)s::text)),
    set_config('idle_in_transaction_session_timeout', %(silent)s, true)

-- name: read_credential
-- A sealed secret with the wrapped key that opens it.
select c.sealed, k.data_key_id, k.connection_id, k.wrapping_key, k.wrapped
from caudal.credential c
join caudal.data_key k on k.space_id = c.space_id and k.data_key_id = c.data_key_id
where c.space_id = %(space_id)s and c.connection_id = %(connection_id)s and c.field = %(field)s

-- name: read_credentials
-- All of a connection's sealed secrets, each with the wrapped key that opens it.
select c.field, c.sealed, k.data_key_id, k.connection_id, k.wrapping_key, k.wrapped
from caudal.credential c
join caudal.data_key k on k.space_id = c.space_id and k.data_key_id = c.data_key_id
where c.space_id = %(space_id)s and c.connection_id = %(connection_id)s
order by c.field

-- name: delete_credentials
-- A connection's sealed secrets.
delete from caudal.credential where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: delete_data_keys
-- And the keys that opened them.
delete from caudal.data_key where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: data_keys_to_rewrap
-- Data keys not yet wrapped by the primary key, a batch at a time.
select data_key_id, connection_id, wrapping_key, wrapped from caudal.data_key
where space_id = %(space_id)s and wrapping_key <> %(wrapping_key)s
order by data_key_id
limit %(limit)s
for update

-- name: rewrap_data_keys
-- The same data keys, wrapped anew.
update caudal.data_key k set wrapping_key = %(wrapping_key)s, wrapped = row.wrapped
from unnest(%(ids)s::uuid[], %(wrapped)s::bytea[]) as row (data_key_id, wrapped)
where k.space_id = %(space_id)s and k.data_key_id = row.data_key_id

-- name: wrapping_keys_in_use
-- How many data keys each wrapping key holds.
select wrapping_key, count(*) as data_keys from caudal.data_key where space_id = %(space_id)s group by wrapping_key

-- name: lock_audit
-- One appender at a time in each space, so that the sequence has no gap. 20260 is Caudal's audit lock class.
select pg_advisory_xact_lock(20260, hashtext(%(space_id)s::text))

-- name: last_audit_entry
-- The end of the chain.
select seq, mac from caudal.audit_entry where space_id = %(space_id)s order by seq desc limit 1

-- name: insert_audit_entry
-- One more entry, bound to the one before.
insert into caudal.audit_entry (space_id, seq, at, actor, act, details, prev, mac)
values (%(space_id)s, %(seq)s, %(at)s, %(actor)s, %(act)s, %(details)s, %(prev)s, %(mac)s)

-- name: latest_audit_entries
-- The latest entries up to one of them, of a kind and by somebody: as many as are wanted, among so many that are looked through.
select seq, at, actor, act, details, prev, mac
from (
    select * from caudal.audit_entry
    where space_id = %(space_id)s and seq <= %(upto)s and seq > %(upto)s - %(look)s
    order by seq desc
    offset 0
) looked
where (%(kind)s = '' or starts_with(act, %(kind)s || '.')) and (%(actor)s = '' or actor = %(actor)s)
order by seq desc
limit %(limit)s

-- name: audit_entries
-- The chain, in order, a batch at a time.
select seq, at, actor, act, details, prev, mac from caudal.audit_entry
where space_id = %(space_id)s and seq > %(after)s
order by seq
limit %(limit)s
