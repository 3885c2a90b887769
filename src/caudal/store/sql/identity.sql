-- name: count_people
-- How many people there are; capped at one, for that is all that is asked.
select count(*) as number from (select 1 from caudal.person limit 1) one

-- name: lock_people
-- One first owner, however many ask at once.
select pg_advisory_xact_lock(hashtextextended('caudal.first_person', 0))

-- name: insert_person
-- Somebody new. Returns nothing where the e-mail is taken.
insert into caudal.person (person_id, email, name, language, password)
values (%(person_id)s, %(email)s, %(name)s, %(language)s, %(password)s)
on conflict on constraint person_email_unique do nothing
returning person_id

-- name: person_by
-- A person by id or by e-mail, with what their login asks for.
select p.person_id, p.email, p.name, p.language, p.password, p.totp, p.totp_key, p.totp_since, p.totp_step, p.disabled_at,
    exists (select 1 from caudal.passkey k where k.person_id = p.person_id) as has_passkey,
    (select count(*) from caudal.recovery_code c where c.person_id = p.person_id and c.used_at is null) as codes_left
from caudal.person p
where p.person_id = %(person_id)s or p.email = %(email)s

-- name: update_person
-- What somebody is called, and their language.
update caudal.person set name = coalesce(%(name)s, name), language = coalesce(%(language)s, language)
where person_id = %(person_id)s

-- name: set_password
-- A new password's hash.
update caudal.person set password = %(password)s where person_id = %(person_id)s

-- name: offer_totp
-- A seed that is shown and not yet confirmed, in place of one that never was.
update caudal.person set totp = %(totp)s, totp_key = %(totp_key)s, totp_since = null, totp_step = 0
where person_id = %(person_id)s and totp_since is null

-- name: confirm_totp
-- The seed counts from now on.
update caudal.person set totp_since = now() where person_id = %(person_id)s and totp is not null and totp_since is null

-- name: drop_totp
-- No codes any more.
update caudal.person set totp = null, totp_key = null, totp_since = null, totp_step = 0 where person_id = %(person_id)s

-- name: use_totp_step
-- A code of this time step is used up. Touches no row where it, or a later one, was used before.
update caudal.person set totp_step = %(step)s where person_id = %(person_id)s and totp_step < %(step)s

-- name: drop_recovery_codes
-- The codes there were are worth nothing.
delete from caudal.recovery_code where person_id = %(person_id)s

-- name: insert_recovery_codes
-- New ones.
insert into caudal.recovery_code (person_id, digest)
select %(person_id)s, digest from unnest(%(digests)s::bytea[]) as t (digest)

-- name: use_recovery_code
-- A code is used up. Touches no row where it isn't one, or was used.
update caudal.recovery_code set used_at = now()
where person_id = %(person_id)s and digest = %(digest)s and used_at is null

-- name: insert_passkey
-- A new passkey. Returns nothing where it is known already.
insert into caudal.passkey (credential_id, person_id, public_key, sign_count, transports, name)
values (%(credential_id)s, %(person_id)s, %(public_key)s, %(sign_count)s, %(transports)s, %(name)s)
on conflict on constraint passkey_pk do nothing
returning person_id

-- name: passkeys_of
-- A person's passkeys, the oldest first.
select credential_id, person_id, public_key, sign_count, transports, name, created_at, used_at
from caudal.passkey where person_id = %(person_id)s order by created_at, credential_id

-- name: passkey_by_id
-- The passkey that a browser showed.
select credential_id, person_id, public_key, sign_count, transports, name, created_at, used_at
from caudal.passkey where credential_id = %(credential_id)s

-- name: use_passkey
-- It was used; its counter stands there now. Touches no row where it stands there or further already, unless it counts nothing.
update caudal.passkey set sign_count = %(sign_count)s, used_at = now()
where credential_id = %(credential_id)s and (sign_count < %(sign_count)s or %(sign_count)s = 0)

-- name: drop_passkey
-- No way in any more.
delete from caudal.passkey where person_id = %(person_id)s and credential_id = %(credential_id)s

-- name: insert_session
-- A login.
insert into caudal.session (session_id, person_id, strong, agent, address, idle_at, expires_at)
values (%(session_id)s, %(person_id)s, %(strong)s, %(agent)s, %(address)s,
        now() + %(idle)s::interval, now() + %(absolute)s::interval)

-- name: insert_session_tokens
-- The pair of tokens a session shows from now on. A successor that was made before is left as it is.
insert into caudal.session_token (digest, session_id, kind, expires_at)
select t.digest, %(session_id)s, t.kind, least(now() + t.lasts, s.expires_at)
from (values (%(access)s::bytea, 'access', %(access_lasts)s::interval),
             (%(refresh)s::bytea, 'refresh', %(idle)s::interval)) as t (digest, kind, lasts)
join caudal.session s on s.session_id = %(session_id)s
on conflict on constraint session_token_pk do nothing

-- name: session_by_token
-- Whose a token is, and whether it is still good for anything. Nothing where nobody knows it.
select s.session_id, s.person_id, s.strong, s.proved_at, s.expires_at, t.used_at, now() as now,
    s.ended_at is null and p.disabled_at is null and s.expires_at > now() and s.idle_at > now() and t.expires_at > now()
        as good
from caudal.session_token t
join caudal.session s using (session_id)
join caudal.person p using (person_id)
where t.digest = %(digest)s and t.kind = %(kind)s

-- name: lock_session
-- One refresh of a session at a time.
select session_id from caudal.session where session_id = %(session_id)s for update

-- name: use_session
-- It is used: idle from now on. Written once a minute at most, not with every request.
update caudal.session set used_at = now(), idle_at = now() + %(idle)s::interval
where session_id = %(session_id)s and used_at < now() - interval '1 minute'

-- name: use_refresh_token
-- It is used up. Touches no row where it was before.
update caudal.session_token set used_at = now() where digest = %(digest)s and used_at is null

-- name: prove_session
-- Its person has just shown again who they are; with a second factor it is strong from now on.
update caudal.session set proved_at = now(), strong = strong or %(strong)s where session_id = %(session_id)s

-- name: end_sessions
-- Sessions are over at once: this one, all of a person, or all but one.
update caudal.session set ended_at = now(), ended_why = %(why)s
where person_id = %(person_id)s and ended_at is null
    and (%(session_id)s::uuid is null or session_id = %(session_id)s)
    and (%(but)s::uuid is null or session_id <> %(but)s)

-- name: sessions_of
-- A person's sessions that are good for something, the latest used first.
select session_id, agent, address, strong, created_at, used_at, least(idle_at, expires_at) as ends_at
from caudal.session
where person_id = %(person_id)s and ended_at is null and expires_at > now() and idle_at > now()
order by used_at desc, session_id

-- name: insert_ceremony
-- Something that begins.
insert into caudal.ceremony (digest, kind, person_id, data, expires_at)
values (%(digest)s, %(kind)s, %(person_id)s, %(data)s, now() + %(lasts)s::interval)

-- name: ceremony_by
-- What began under this token and isn't over.
select person_id, data from caudal.ceremony
where digest = %(digest)s and kind = %(kind)s and expires_at > now()

-- name: take_ceremony
-- What began under this token ends here: nobody else gets it.
delete from caudal.ceremony where digest = %(digest)s and kind = %(kind)s and expires_at > now()
returning person_id, data

-- name: drop_ceremonies
-- Whatever of this kind was begun is void.
delete from caudal.ceremony where kind = %(kind)s

-- name: tidy_door
-- What is over and nobody can use.
with a as (delete from caudal.ceremony where expires_at < now()),
     b as (delete from caudal.attempt where at < now() - interval '1 day'),
     c as (delete from caudal.idempotency where made_at < now() - %(kept)s::interval)
delete from caudal.session where expires_at < now() - interval '30 days'

-- name: count_attempts
-- How often each of these failed since then, and when the oldest of them will be forgotten.
select subject, count(*) as number, min(at) as oldest
from caudal.attempt
where (subject = %(account)s and at > now() - %(account_window)s::interval)
    or (subject = %(address)s and at > now() - %(address_window)s::interval)
group by subject

-- name: insert_attempts
-- It failed once more.
insert into caudal.attempt (subject) select * from unnest(%(subjects)s::bytea[])

-- name: lock_attempts
-- Tries of one subject are counted one after the other.
select pg_advisory_xact_lock(hashtextextended('caudal.attempt ' || encode(%(subject)s::bytea, 'hex'), 0))

-- name: drop_attempts
-- It went well: of the account what failed before is forgotten, of the address this try.
delete from caudal.attempt
where subject = %(account)s
    or ctid = (select ctid from caudal.attempt where subject = %(address)s order by at desc limit 1)

-- name: insert_member
-- In, or in another role.
insert into caudal.member (space_id, person_id, role) values (%(space_id)s, %(person_id)s, %(role)s)
on conflict on constraint member_pk do update set role = excluded.role

-- name: membership
-- Somebody's role in a space.
select m.space_id, s.name, m.role from caudal.member m join caudal.space s using (space_id)
where m.person_id = %(person_id)s and m.space_id = %(space_id)s

-- name: memberships
-- The spaces somebody is in.
select m.space_id, s.name, m.role from caudal.member m join caudal.space s using (space_id)
where m.person_id = %(person_id)s order by s.created_at, m.space_id

-- name: members_of
-- Who is in a space, the longest first. The door sees every space's members: here, only of one it was opened for.
select m.person_id, p.email, p.name, m.role, m.joined_at,
    p.totp_since is not null or exists (select 1 from caudal.passkey k where k.person_id = m.person_id) as strong
from caudal.member m join caudal.person p using (person_id)
where m.space_id = %(space_id)s and m.space_id = any ((select caudal.scope())::uuid[]) order by m.joined_at, m.person_id

-- name: lock_members
-- Who is in a space is changed by one at a time: it never lacks an owner.
select pg_advisory_xact_lock(hashtextextended('caudal.members ' || %(space_id)s::uuid, 0))

-- name: delete_member
-- Out.
delete from caudal.member where space_id = %(space_id)s and person_id = %(person_id)s

-- name: insert_invitation
-- An invitation, in place of another to the same e-mail.
with before as (
    update caudal.invitation set withdrawn_at = now()
    where space_id = %(space_id)s and email = %(email)s and accepted_at is null and withdrawn_at is null
)
insert into caudal.invitation (space_id, invitation_id, email, role, digest, invited_by, expires_at)
values (%(space_id)s, %(invitation_id)s, %(email)s, %(role)s, %(digest)s, %(invited_by)s, now() + %(lasts)s::interval)

-- name: invitations_of
-- Those that stand open, the latest first. Only of a space that the door was opened for.
select i.invitation_id, i.email, i.role, i.made_at, i.expires_at, p.name as invited_by
from caudal.invitation i join caudal.person p on p.person_id = i.invited_by
where i.space_id = %(space_id)s and i.space_id = any ((select caudal.scope())::uuid[])
    and i.accepted_at is null and i.withdrawn_at is null and i.expires_at > now()
order by i.made_at desc, i.invitation_id

-- name: invitation_by
-- The invitation of this token, if it stands open.
select i.space_id, i.invitation_id, s.name as space, i.email, i.role, p.name as invited_by
from caudal.invitation i
join caudal.space s using (space_id)
join caudal.person p on p.person_id = i.invited_by
where i.digest = %(digest)s and i.accepted_at is null and i.withdrawn_at is null and i.expires_at > now()

-- name: accept_invitation
-- It is used. Touches no row where it was, or isn't open any more.
update caudal.invitation set accepted_at = now()
where space_id = %(space_id)s and invitation_id = %(invitation_id)s
    and accepted_at is null and withdrawn_at is null and expires_at > now()

-- name: withdraw_invitation
-- It is void.
update caudal.invitation set withdrawn_at = now()
where space_id = %(space_id)s and invitation_id = %(invitation_id)s and accepted_at is null and withdrawn_at is null

-- name: insert_key
-- A key of a program.
insert into caudal.api_key (space_id, key_id, digest, name, role, scopes, networks, made_by, expires_at)
values (%(space_id)s, %(key_id)s, %(digest)s, %(name)s, %(role)s, %(scopes)s, %(networks)s, %(made_by)s,
        now() + %(lasts)s::interval)

-- name: key_by_id
-- A key that may still be used, its digest to be compared. Who made it must still be in the space, in a role that has what
-- the key is for.
select k.space_id, s.name as space, k.digest, k.role, k.scopes, k.networks, m.role as maker
from caudal.api_key k
join caudal.space s using (space_id)
join caudal.member m on m.space_id = k.space_id and m.person_id = k.made_by
where k.key_id = %(key_id)s and k.revoked_at is null and k.expires_at > now()

-- name: use_key
-- It was used. Written once a minute at most.
update caudal.api_key set used_at = now()
where space_id = %(space_id)s and key_id = %(key_id)s and (used_at is null or used_at < now() - interval '1 minute')

-- name: keys_of
-- A space's keys, the latest first. Only of a space that the door was opened for.
select k.key_id, k.name, k.role, k.scopes, k.networks, k.made_at, k.expires_at, k.used_at, k.revoked_at, p.name as made_by
from caudal.api_key k join caudal.person p on p.person_id = k.made_by
where k.space_id = %(space_id)s and k.space_id = any ((select caudal.scope())::uuid[]) order by k.made_at desc, k.key_id

-- name: revoke_key
-- It opens nothing any more.
update caudal.api_key set revoked_at = now()
where space_id = %(space_id)s and key_id = %(key_id)s and revoked_at is null

-- name: door_keys_in_use
-- Under which wrapping keys seeds of one-time codes, answers, links under way and files that wait are sealed.
select wrapping_key, count(*) as rows
from (
    select totp_key as wrapping_key from caudal.person where totp_key is not null
    union all
    select sealed_by from caudal.idempotency where sealed_by is not null
    union all
    select step_key from caudal.link_session where step_key is not null
    union all
    select wrapping_key from caudal.upload
) sealed
group by wrapping_key

-- name: seeds_to_reseal
-- Seeds sealed under another key than this one, held until the transaction ends.
select person_id, totp, totp_key from caudal.person
where totp_key <> %(wrapping_key)s
order by person_id limit %(limit)s
for update

-- name: reseal_seed
-- A seed under another key.
update caudal.person set totp = %(totp)s, totp_key = %(totp_key)s where person_id = %(person_id)s

-- name: begin_request
-- A request under a name that its sender gave it. Returns nothing where there is one of that name already.
insert into caudal.idempotency (owner, name, request) values (%(owner)s, %(name)s, %(request)s)
on conflict on constraint idempotency_pk do nothing
returning name

-- name: request_under
-- What was asked under this name, and answered.
select request, status, answer, sealed_by from caudal.idempotency where owner = %(owner)s and name = %(name)s

-- name: answer_request
-- It is answered.
update caudal.idempotency set status = %(status)s, answer = %(answer)s, sealed_by = %(sealed_by)s
where owner = %(owner)s and name = %(name)s

-- name: drop_request
-- It was refused before anything was done: its name is free.
delete from caudal.idempotency where owner = %(owner)s and name = %(name)s and status is null
