-- Which space each account of a connection belongs to.

-- name: routing
-- Where the accounts of a connection belong, as far as that was said, or asked: one row for each, one without any where none
-- is known. `version`: how often it was said.
select c.routed as version, c.choice_until, c.choice_until > now() as choosing, r.reference, r.name, r.mask, r.to_space_id,
    r.wanted
from caudal.connection c
left join caudal.account_route r on r.space_id = c.space_id and r.connection_id = c.connection_id
where c.space_id = %(space_id)s and c.connection_id = %(connection_id)s
order by r.name, r.reference

-- name: hold_feeds
-- One writer at a time over several spaces that share one: whoever writes to one alone never waits for two. 20263 is Caudal's
-- lock class for it.
select pg_advisory_xact_lock(20263, hashtext(space_id::text))
from (select distinct space_id from unnest(%(spaces)s::uuid[]) as fed (space_id) order by space_id offset 0) fed

-- name: hold_routing
-- Where the accounts of a connection belong stays so until this ends. Returns how often it was said.
select routed as version from caudal.connection
where space_id = %(space_id)s and connection_id = %(connection_id)s
for update

-- name: note_shown
-- Accounts that a connection shows, while its person is asked where they belong.
insert into caudal.account_route (space_id, connection_id, reference, name, mask)
select %(space_id)s, %(connection_id)s, reference, name, mask
from jsonb_to_recordset(%(rows)s) as row (reference text, name text, mask text)
on conflict on constraint account_route_pk do update set name = excluded.name, mask = excluded.mask

-- name: put_routes
-- Where accounts belong, from now on. Whoever was to be asked has answered.
with put as (
    insert into caudal.account_route (space_id, connection_id, reference, name, mask, to_space_id, wanted)
    select %(space_id)s, %(connection_id)s, reference, name, mask, to_space_id, wanted
    from jsonb_to_recordset(%(rows)s) as row (reference text, name text, mask text, to_space_id uuid, wanted boolean)
    on conflict on constraint account_route_pk do update set
        name = excluded.name, mask = excluded.mask, to_space_id = excluded.to_space_id, wanted = excluded.wanted
)
update caudal.connection set routed = routed + 1, choice_until = null, updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: ask_choice
-- Of a connection just made: before anything of its accounts is written its person is asked where they belong.
update caudal.connection set choice_until = now() + %(lasts)s::interval
where space_id = %(space_id)s and connection_id = %(connection_id)s

-- name: branch
-- The branch of a connection in a space that it feeds, under a free label, as its home now stands.
with home as (
    select c.*, i.reference as bank_reference, i.name as bank, i.country
    from caudal.connection c
    left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
    where c.space_id = %(home_id)s and c.connection_id = %(connection_id)s
), bank as (
    insert into caudal.institution (space_id, reference, name, country)
    select %(space_id)s, bank_reference, bank, country from home where bank_reference is not null
    on conflict on constraint institution_reference_unique do update set name = excluded.name
    returning institution_id
)
insert into caudal.connection (space_id, connection_id, home_space_id, provider, label, institution_id)
select %(space_id)s, connection_id, space_id, provider, %(label)s, (select institution_id from bank)
from home
on conflict on constraint connection_pk do nothing

-- name: mirror_home
-- What the home of a connection says of it, in a space that it feeds: told there, where it is something else than before.
-- `fed` false: it is none any more, and for that space the connection is over.
with home as (
    select c.history_days, case when %(fed)s then c.state else 'revoked' end as state,
        case when %(fed)s then c.state_reason else '' end as state_reason,
        case when %(fed)s then c.state_action else '' end as state_action, c.needed_by, c.needed_reason, c.needed_action,
        s.paused_at
    from caudal.connection c
    left join caudal.schedule s on s.space_id = c.space_id and s.connection_id = c.connection_id
    where c.space_id = %(home_id)s and c.connection_id = %(connection_id)s
), changed as (
    update caudal.connection b set state = home.state, state_reason = home.state_reason, state_action = home.state_action,
        needed_by = home.needed_by, needed_reason = home.needed_reason, needed_action = home.needed_action,
        history_days = home.history_days, paused_at = home.paused_at, updated_at = now()
    from home
    where b.space_id = %(space_id)s and b.connection_id = %(connection_id)s
        and (b.state, b.state_reason, b.state_action, b.needed_by, b.needed_reason, b.needed_action, b.history_days,
            b.paused_at)
        is distinct from (home.state, home.state_reason, home.state_action, home.needed_by, home.needed_reason,
            home.needed_action, home.history_days, home.paused_at)
    returning old.state as before, new.state, new.state_reason, new.state_action, old.paused_at as paused_before,
        new.paused_at, old.needed_by as needed_before, new.needed_by, new.needed_reason, new.needed_action
)
insert into happened (kind, data)
select 'connection.state',
    jsonb_build_object('state', state, 'before', before, 'reason', state_reason, 'action', state_action)
from changed where state <> before
union all
select case when paused_at is null then 'connection.resumed' else 'connection.paused' end, '{}'::jsonb
from changed where (paused_at is null) <> (paused_before is null)
union all
select 'connection.user_needed', jsonb_build_object('reason', needed_reason, 'action', needed_action, 'by', needed_by)
from changed where needed_by is distinct from needed_before and needed_by is not null

-- name: withdraw_account
-- An account goes elsewhere: all that this connection told of it here, and stands, joins the incoming as gone. What it told
-- of its balances, positions and days is told there from now on.
with leaving as (
    update caudal.source_account set elsewhere = true, gone_at = coalesce(gone_at, now()), holdings_as_of = null,
        compared_from = null, updated_at = now()
    where space_id = %(space_id)s and connection_id = %(connection_id)s and reference = any (%(references)s)
        and not elsewhere
    returning source_account_id, account_id
), balances as (
    delete from caudal.balance b using leaving
    where b.space_id = %(space_id)s and b.source_account_id = leaving.source_account_id
), holdings as (
    delete from caudal.holding h using leaving
    where h.space_id = %(space_id)s and h.source_account_id = leaving.source_account_id
), windows as (
    delete from caudal.coverage w using leaving
    where w.space_id = %(space_id)s and w.source_account_id = leaving.source_account_id
), standing as (
    insert into incoming (ord, source_account_id, account_id, provider_id, rule)
    select row_number() over (), leaving.source_account_id, leaving.account_id, live.provider_id, 'routed_elsewhere'
    from leaving
    cross join lateral (
        select distinct on (o.provider_id) o.provider_id, o.gone
        from caudal.observation o
        where o.space_id = %(space_id)s and o.source_account_id = leaving.source_account_id
        order by o.provider_id, o.version desc
    ) live
    where not live.gone
    returning account_id
)
select leaving.account_id, (select count(*) from standing) as told from leaving

-- name: accounts_left
-- Of these accounts those that no source tells of here any more.
select a.account_id from caudal.account a
where a.space_id = %(space_id)s and a.account_id = any (%(accounts)s) and not exists (
    select from caudal.source_account s
    where s.space_id = a.space_id and s.account_id = a.account_id and not s.elsewhere)
