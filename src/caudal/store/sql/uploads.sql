-- name: lock_uploads
-- One more file at a time in a space, so that they are counted rightly. 20263 is Caudal's lock class for it.
select pg_advisory_xact_lock(20263, hashtext(%(space_id)s::text))

-- name: uploads_weight
-- How many wait in a space, and how large they are together.
select count(*) as files, coalesce(sum(size), 0)::bigint as size from caudal.upload
where space_id = %(space_id)s and made_at > now() - %(lasts)s::interval

-- name: insert_upload
-- One more.
insert into caudal.upload (space_id, upload_id, made_by, name, account, size, wrapping_key, sealed)
values (%(space_id)s, %(upload_id)s, %(made_by)s, %(name)s, %(account)s, %(size)s, %(wrapping_key)s, %(sealed)s)

-- name: uploads
-- Those of one sender that wait in a space, the oldest first, without what is in them.
select upload_id, name, account, size, made_at from caudal.upload
where space_id = %(space_id)s and made_by = %(made_by)s and made_at > now() - %(lasts)s::interval
order by upload_id

-- name: upload
-- One of them, whole.
select name, account, wrapping_key, sealed from caudal.upload
where space_id = %(space_id)s and upload_id = %(upload_id)s and made_by = %(made_by)s
    and made_at > now() - %(lasts)s::interval

-- name: drop_upload
-- It waits no more.
delete from caudal.upload
where space_id = %(space_id)s and upload_id = %(upload_id)s and made_by = %(made_by)s

-- name: drop_uploads
-- Those that waited too long.
delete from caudal.upload where made_at <= now() - %(lasts)s::interval
