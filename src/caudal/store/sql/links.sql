-- Links under way.

-- name: insert_link_session
-- One more.
insert into caudal.link_session (space_id, session_id, digest, state, provider, institution, relink, language, app, purpose,
                                 return_url, embed_origin, made_by, expires_at)
values (%(space_id)s, %(session_id)s, %(digest)s, %(state)s, %(provider)s, %(institution)s, %(relink)s, %(language)s,
        %(app)s, %(purpose)s, %(return_url)s, %(embed_origin)s, %(made_by)s, now() + %(lasts)s::interval)
returning expires_at

-- name: link_session
-- One, by its id, its token's digest, or the word that a redirect brought.
select l.space_id, l.session_id, s.name as space, l.state, l.provider, l.institution, l.relink, l.language, l.app, l.purpose,
    l.return_url, l.embed_origin, l.made_by, l.made_at, l.expires_at, l.expires_at <= now() as expired, l.agreed_at,
    l.asked_at, l.step, l.step_key, l.connection_id, l.why, now() as now
from caudal.link_session l join caudal.space s using (space_id)
where (l.digest = %(digest)s or l.word = %(word)s or (l.space_id = %(space_id)s and l.session_id = %(session_id)s))

-- name: link_sessions
-- A space's, the latest first.
select l.space_id, l.session_id, s.name as space, l.state, l.provider, l.institution, l.relink, l.language, l.app, l.purpose,
    l.return_url, l.embed_origin, l.made_by, l.made_at, l.expires_at, l.expires_at <= now() as expired, l.agreed_at,
    l.asked_at, null::bytea as step, null as step_key, l.connection_id, l.why, now() as now
from caudal.link_session l join caudal.space s using (space_id)
where l.space_id = %(space_id)s
order by l.made_at desc, l.session_id limit %(limit)s

-- name: take_link_session
-- Somebody is at it now: nobody else, unless whoever was at it has been silent for longer than any step takes.
update caudal.link_session set working_since = now(), asked_at = case when %(asks)s then now() else asked_at end
where space_id = %(space_id)s and session_id = %(session_id)s and state = %(state)s and expires_at > now()
    and (working_since is null or working_since < now() - %(silent)s::interval)

-- name: keep_link_session
-- What the step came to; nobody is at it any more.
update caudal.link_session
set working_since = null, state = %(state)s, provider = %(provider)s, institution = %(institution)s, relink = %(relink)s,
    agreed_at = case when %(agreed)s then coalesce(agreed_at, now()) else agreed_at end,
    step = %(step)s, step_key = %(step_key)s, word = %(word)s, connection_id = %(connection_id)s, why = %(why)s
where space_id = %(space_id)s and session_id = %(session_id)s

-- name: free_link_session
-- The step came to nothing; nobody is at it any more.
update caudal.link_session set working_since = null, why = %(why)s
where space_id = %(space_id)s and session_id = %(session_id)s

-- name: drop_link_sessions
-- Forget those that are over for as long as this; of the rest that is over, what the provider gave last.
with gone as (
    delete from caudal.link_session where expires_at < now() - %(kept)s::interval
)
update caudal.link_session set step = null, step_key = null, word = null
where expires_at < now() and expires_at >= now() - %(kept)s::interval and step is not null

-- name: booked_accounts
-- The accounts that a connection's accounts are booked on.
select distinct account_id from caudal.source_account
where space_id = %(space_id)s and connection_id = %(connection_id)s
