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

-- name: want_routed
-- Which of the accounts of which was said where they belong are to be seen.
update caudal.account_route set wanted = reference = any (%(references)s)
where space_id = %(space_id)s and connection_id = %(connection_id)s and wanted <> (reference = any (%(references)s))

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

-- name: carry_movements
-- What stands by the word of these source accounts joins the incoming of the space they go to: each movement as it is told
-- now. `from_id`, `source_account_id`: as they were and will be.
insert into incoming (ord, source_account_id, account_id, provider_id, fallback_id, gone, status, amount, currency, booked_on,
    entered_on, value_on, authorized_on, occurred_at, description, counterparty, reference, category, raw, replaces, rule)
select row_number() over (order by head.booked_on, head.observation_id), row.source_account_id, row.account_id,
    head.provider_id, head.fallback_id, false, head.status, head.amount, head.currency, head.booked_on, head.entered_on,
    head.value_on, head.authorized_on, head.occurred_at, head.description, head.counterparty, head.reference, head.category,
    head.raw, head.replaces, 'routed_here'
from jsonb_to_recordset(%(rows)s) as row (from_id uuid, source_account_id uuid, account_id uuid)
join caudal.source_account s on s.space_id = %(from_space)s and s.source_account_id = row.from_id
join caudal.transaction t on t.space_id = s.space_id and t.account_id = s.account_id
    and (t.gone_at is null or t.concluded)
join caudal.observation head on head.space_id = t.space_id and head.observation_id = t.follows and not head.gone
    and head.source_account_id = s.source_account_id

-- name: carry_beside
-- The balances, positions and complete days that these source accounts told of, and where their streams stand: what was told
-- before now isn't told again for that alone. A snapshot counts of what is held here what it counted of what was held there.
with moved as (
    select * from jsonb_to_recordset(%(rows)s) as row (from_id uuid, source_account_id uuid, account_id uuid)
), balances as (
    insert into caudal.balance (space_id, source_account_id, run_id, kind, as_of, amount, currency, firm, told_at, seen_at,
        held_before, held_since)
    select %(space_id)s, moved.source_account_id, %(run_id)s, b.kind, b.as_of, b.amount, b.currency, b.firm, b.told_at,
        b.seen_at, b.held_before + more.before, b.held_since + more.since
    from moved
    join caudal.balance b on b.space_id = %(from_space)s and b.source_account_id = moved.from_id
    join caudal.source_account s on s.space_id = b.space_id and s.source_account_id = b.source_account_id
    left join lateral (
        select coalesce(sum(booked) filter (where day < b.as_of), 0) as before,
            coalesce(sum(booked) filter (where day >= b.as_of), 0) as since
        from (
            select d.day, d.booked from caudal.account_day d
            where d.space_id = %(space_id)s and d.account_id = moved.account_id and d.currency = b.currency
            union all
            select d.day, -d.booked from caudal.account_day d
            where d.space_id = b.space_id and d.account_id = s.account_id and d.currency = b.currency
        ) differing
    ) more on b.held_before is not null
    on conflict on constraint balance_told_unique do nothing
), holdings as (
    insert into caudal.holding (space_id, source_account_id, as_of, asset, run_id, quantity, currency, name, kind, price,
        value, cost)
    select %(space_id)s, moved.source_account_id, h.as_of, h.asset, %(run_id)s, h.quantity, h.currency, h.name, h.kind,
        h.price, h.value, h.cost
    from moved
    join caudal.holding h on h.space_id = %(from_space)s and h.source_account_id = moved.from_id
    on conflict on constraint holding_pk do nothing
), windows as (
    insert into caudal.coverage (space_id, source_account_id, run_id, start_on, end_on, seen_at)
    select %(space_id)s, moved.source_account_id, %(run_id)s, w.start_on, w.end_on, w.seen_at
    from moved
    join caudal.coverage w on w.space_id = %(from_space)s and w.source_account_id = moved.from_id
    on conflict on constraint coverage_window_unique do nothing
), dated as (
    update caudal.source_account s set holdings_as_of = before.holdings_as_of, selected = before.selected
    from moved
    join caudal.source_account before on before.space_id = %(from_space)s and before.source_account_id = moved.from_id
    where s.space_id = %(space_id)s and s.source_account_id = moved.source_account_id
)
insert into caudal.cursor (space_id, connection_id, stream, value, rested_at)
select %(space_id)s, connection_id, stream, '', now() from caudal.cursor
where space_id = %(home_id)s and connection_id = %(connection_id)s
on conflict on constraint cursor_pk do update set rested_at = excluded.rested_at

-- name: carry_decisions
-- What people said of movements that another space has taken over is said there: words on one, and on two that both went.
with moved as materialized (
    select * from jsonb_to_recordset(%(rows)s) as row (from_id uuid, source_account_id uuid, account_id uuid)
), words as materialized (
    select d.* from caudal.decision d where d.space_id = %(from_space)s and d.undone_at is null
), sides as materialized (
    select distinct on (side.transaction_id) side.transaction_id as was, now_there.transaction_id as is_now
    from (
        select transaction_id from words union select other_id from words where other_id is not null
    ) side
    cross join lateral (
        select l.observation_id from caudal.observation_link l
        where l.space_id = %(from_space)s and l.transaction_id = side.transaction_id
        offset 0
    ) link
    cross join lateral (
        select o.source_account_id, o.provider_id from caudal.observation o
        where o.space_id = %(from_space)s and o.observation_id = link.observation_id
        offset 0
    ) told
    join moved on moved.from_id = told.source_account_id
    cross join lateral (
        select o.observation_id from caudal.observation o
        where o.space_id = %(space_id)s and o.source_account_id = moved.source_account_id
            and o.provider_id = told.provider_id
        order by o.version desc
        limit 1
    ) there
    cross join lateral (
        select l.transaction_id from caudal.observation_link l
        where l.space_id = %(space_id)s and l.observation_id = there.observation_id
        offset 0
    ) now_there
    order by side.transaction_id, now_there.transaction_id
), carried as (
    update caudal.decision d set undone_at = now()
    from words
    join sides one on one.was = words.transaction_id
    left join sides other on other.was = words.other_id
    where d.space_id = %(from_space)s and d.decision_id = words.decision_id
        and (words.other_id is null or other.was is not null)
    returning d.kind, one.is_now as transaction_id, other.is_now as other_id, d.data, d.made_at
)
insert into caudal.decision (space_id, kind, transaction_id, other_id, data, made_at)
select %(space_id)s, kind, transaction_id, other_id, data, made_at from carried
where transaction_id is distinct from other_id
