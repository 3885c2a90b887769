-- name: incoming_table
-- Where a page is copied to before it is compared; lives as long as the session, empty at each commit. What has a default is
-- so of a record that only its absence tells of.
create temporary table if not exists incoming (
    ord integer not null,
    source_account_id uuid not null,
    account_id uuid not null,
    transaction_id uuid not null default uuidv7(),
    observation_id uuid not null default uuidv7(),
    provider_id text not null,
    fallback_id text not null default '',
    family uuid,
    claims boolean not null default false,
    step integer not null default 0,
    final boolean not null default true,
    gone boolean not null default true,
    status text,
    amount numeric,
    currency text,
    booked_on date,
    entered_on date,
    value_on date,
    authorized_on date,
    occurred_at timestamptz,
    description text,
    counterparty text,
    reference text,
    category text,
    raw text default '',
    replaces text not null default '',
    rule text not null
) on commit delete rows

-- name: resolved_table
-- What of a page is new or changed, with the transaction it belongs to.
create temporary table if not exists resolved (
    like incoming,
    version integer not null,
    created boolean not null
) on commit delete rows

-- name: happened_table
-- What a transaction of the database made happen in the ledger, to be told as events before it commits. `data` null: one
-- of many alike, told together. `day`: on which a transaction now is; without one, something of that day was changed that is
-- told otherwise.
create temporary table if not exists happened (
    kind text not null,
    account_id uuid,
    transaction_id uuid,
    data jsonb,
    day date
) on commit delete rows

-- name: empty_page_tables
-- As a commit leaves them: for transactions that are parts of one.
truncate incoming, resolved, happened, stirred

-- name: stirred_table
-- Movements that a conclusion changed anything of, if only by whom else it took for one: beside those that `happened`.
create temporary table if not exists stirred (
    transaction_id uuid not null
) on commit delete rows

-- name: steer_planner
-- Until this transaction ends: compare a page with the ledger through indexes, row by row, in index order. Without
-- statistics (a fresh database) the planner would else scan what it should look up, and cost would grow with the
-- ledger; a page is small beside it, so the look-up is right at every size.
select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_material', 'off', true), set_config('enable_seqscan', 'off', true)

-- name: lock_connection
-- One writer per connection: a second one waits here. The state is read in the transaction that writes.
select state, (now() at time zone 'UTC')::date - history_days as history_from, routed as version
from caudal.connection
where space_id = %(space_id)s and connection_id = %(connection_id)s
for update

-- name: standing_cursor
-- Where a stream stands. Once its connection is locked, in a statement of its own: one that waits for the lock sees what
-- stood when it began to wait.
select value, sweep, rested_at
from caudal.cursor
where space_id = %(space_id)s and connection_id = %(connection_id)s and stream = %(stream)s

-- name: source_accounts
-- The accounts this connection has shown so far. `outlives`: another, which has ended, showed it too; `succeeds`: one to the
-- same provider.
select s.reference, s.source_account_id, s.account_id, s.home_id, s.name, s.kind, s.currency, s.iban, s.number, s.institution,
    s.mask, s.persistent_id, s.withdraws, s.lists, s.selected, s.gone_at is null as shown, s.elsewhere,
    ended.outlived > 0 as outlives, ended.succeeded > 0 as succeeds
from caudal.source_account s
join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
cross join lateral (
    select count(*) as outlived, count(*) filter (where other.home_id = s.home_id and ended.provider = c.provider
        and c.provider not in ('file', 'manual')) as succeeded
    from caudal.source_account other
    join caudal.connection ended on ended.space_id = other.space_id and ended.connection_id = other.connection_id
    where other.account_id = s.account_id and other.space_id = s.space_id and ended.state = 'revoked'
) ended
where s.space_id = %(space_id)s and s.connection_id = %(connection_id)s

-- name: accounts_shown
-- Every account as each connection of the space shows it, with what its bank is called. `place`: where it is booked but for
-- accounts that were joined.
select s.source_account_id::text as key, s.account_id::text as account, s.connection_id::text as connection, c.provider,
    s.kind, s.currency, s.name, s.iban, s.number, s.mask, s.persistent_id,
    coalesce(s.institution, i.name, i.reference, '') as bank, c.state = 'revoked' as ended, s.reference,
    coalesce(parted.other_id, s.home_id) as place, s.gone_at is not null as gone
from caudal.source_account s
join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
left join lateral (
    select d.other_id from caudal.account_decision d
    where d.source_account_id = s.source_account_id and d.space_id = s.space_id and d.undone_at is null
    order by d.made_at desc, d.decision_id desc
    limit 1
) parted on true
where s.space_id = %(space_id)s
order by s.created_at, s.source_account_id

-- name: connection_bank
-- What a connection's bank is called.
select c.provider, coalesce(i.name, i.reference, '') as bank
from caudal.connection c
left join caudal.institution i on i.space_id = c.space_id and i.institution_id = c.institution_id
where c.space_id = %(space_id)s and c.connection_id = %(connection_id)s

-- name: lock_names
-- Before accounts are named: one page at a time in a space, so that names stay apart: two connections may show a “Savings”
-- at once. 20262 is Caudal's lock class for it.
select pg_advisory_xact_lock(20262, hashtext(%(space_id)s::text))

-- name: account_names
-- Names taken in this space, and where accounts that were joined are found.
select account_id, name, joined_into from caudal.account where space_id = %(space_id)s

-- name: upsert_accounts
-- Accounts for source accounts seen for the first time; one whose currency no source had told yet learns it.
insert into caudal.account as a (space_id, account_id, name, kind, currency)
select %(space_id)s, account_id, name, kind, currency
from jsonb_to_recordset(%(rows)s) as row (account_id uuid, name text, kind text, currency text)
on conflict on constraint account_pk do update set currency = excluded.currency
where a.currency = 'XXX' and excluded.currency <> 'XXX'

-- name: upsert_source_accounts
-- What the source says of its accounts, the latest word.
insert into caudal.source_account
    (space_id, connection_id, source_account_id, account_id, home_id, reference, name, kind, currency, iban, number,
    institution, mask, persistent_id, withdraws, lists, selected)
select %(space_id)s, %(connection_id)s, source_account_id, account_id, home_id, reference, name, kind, currency, iban,
    number, institution, mask, persistent_id, withdraws, lists, selected
from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, account_id uuid, home_id uuid, reference text,
    name text, kind text, currency text, iban text, number text, institution text, mask text, persistent_id text,
    withdraws boolean, lists boolean, selected boolean)
on conflict on constraint source_account_reference_unique do update set
    name = excluded.name, kind = excluded.kind, currency = excluded.currency, iban = excluded.iban,
    number = excluded.number, institution = excluded.institution, mask = excluded.mask,
    persistent_id = excluded.persistent_id, withdraws = excluded.withdraws, lists = excluded.lists,
    gone_at = null, elsewhere = false, updated_at = now()

-- name: mark_accounts_gone
-- The source no longer shows them.
update caudal.source_account set gone_at = now(), updated_at = now()
where space_id = %(space_id)s and connection_id = %(connection_id)s and reference = any (%(references)s)
    and gone_at is null

-- name: copy_incoming
-- The page's transactions, in COPY's text format.
copy incoming (ord, source_account_id, account_id, transaction_id, observation_id, provider_id, fallback_id,
    family, claims, step, final, gone, status, amount, currency, booked_on, entered_on, value_on, authorized_on,
    occurred_at, description, counterparty, reference, category, raw, replaces, rule)
from stdin

-- name: choose_ids
-- Which of its two ids a movement goes by, where what the ledger holds decides it. An id that already stands for
-- another booked movement (other day *and* other amount) is not an update of it: the source reuses its ids. A movement
-- not known by its id, but told before in the same words under the other one, is that movement. So is one that was told
-- before in the same words under an id that this page doesn't tell: the bank numbers its rows anew in each file.
update incoming set provider_id = other.provider_id, rule = other.rule
from (
    select i.ord, coalesce(renumbered.provider_id, i.fallback_id) as provider_id,
        case when told.provider_id is null then 'told_before' else 'derived_id' end as rule
    from incoming i
    left join lateral (
        select o.provider_id, o.status, o.gone, o.booked_on, o.amount
        from caudal.observation o
        where o.space_id = %(space_id)s and o.source_account_id = i.source_account_id
            and o.provider_id = i.provider_id
        order by o.version desc
        limit 1
    ) told on true
    left join lateral (
        select o.gone, o.booked_on, o.amount, o.description, o.counterparty, o.reference
        from caudal.observation o
        where told.provider_id is null and o.space_id = %(space_id)s
            and o.source_account_id = i.source_account_id and o.provider_id = i.fallback_id
        order by o.version desc
        limit 1
    ) before on true
    left join lateral (
        select o.provider_id
        from caudal.observation o
        where told.provider_id is null and before.gone is null and i.rule = 'provider_id'
            and o.space_id = %(space_id)s and o.source_account_id = i.source_account_id
            and o.fallback_id = i.fallback_id and o.fallback_id <> '' and not o.gone
            and not exists (select from incoming beside
                where beside.source_account_id = o.source_account_id and beside.provider_id = o.provider_id)
        order by o.version desc
        limit 1
    ) renumbered on true
    where i.fallback_id <> '' and case
        when told.provider_id is null then renumbered.provider_id is not null or (not before.gone
            and (before.booked_on, before.amount, before.description, before.counterparty, before.reference)
            = (i.booked_on, i.amount, i.description, i.counterparty, i.reference))
        else i.rule = 'provider_id' and told.status = 'booked' and not told.gone
            and told.booked_on <> i.booked_on and told.amount <> i.amount
        end
) other
where other.ord = incoming.ord

-- name: resolve
-- Each incoming observation against the latest version of its chain: what is new, what changed, whose it is.
-- A first step that says what is known already is left out; later steps of a page are news by construction.
-- A new chain is of the transaction whose record it replaces (`claims`), where nobody else has that place, or, still
-- pending, of the one that has replaced it already; refused that place, it leaves its family on the page. One that was
-- gone and comes back to find another in its place is a movement of its own.
insert into resolved
    (ord, source_account_id, account_id, transaction_id, observation_id, provider_id, fallback_id, family, claims,
    step, final, gone, status, amount, currency, booked_on, entered_on, value_on, authorized_on, occurred_at,
    description, counterparty, reference, category, raw, replaces, rule, version, created)
select i.ord, i.source_account_id, i.account_id,
    coalesce(link.transaction_id, replaced.transaction_id, heir.transaction_id, i.transaction_id), i.observation_id,
    i.provider_id, i.fallback_id,
    case when place.observation_id is not null and replaced.transaction_id is null then null else i.family end,
    i.claims, i.step, i.final, i.gone,
    case when i.gone and i.step = 0 then told.status else i.status end,
    case when i.gone and i.step = 0 then told.amount else i.amount end,
    case when i.gone and i.step = 0 then told.currency else i.currency end,
    case when i.gone and i.step = 0 then told.booked_on else i.booked_on end,
    case when i.gone and i.step = 0 then told.entered_on else i.entered_on end,
    case when i.gone and i.step = 0 then told.value_on else i.value_on end,
    case when i.gone and i.step = 0 then told.authorized_on else i.authorized_on end,
    case when i.gone and i.step = 0 then told.occurred_at else i.occurred_at end,
    case when i.gone and i.step = 0 then told.description else i.description end,
    case when i.gone and i.step = 0 then told.counterparty else i.counterparty end,
    case when i.gone and i.step = 0 then told.reference else i.reference end,
    case when i.gone and i.step = 0 then told.category else i.category end,
    i.raw,
    case when i.gone and i.step = 0 then told.replaces else i.replaces end,
    case
        when told.observation_id is not null and link.transaction_id is null then 'came_back'
        when replaced.transaction_id is not null then 'replaces'
        when heir.transaction_id is not null then 'replaced'
        else i.rule
    end,
    coalesce(told.version, 0) + i.step + 1,
    coalesce(link.transaction_id, replaced.transaction_id, heir.transaction_id) is null
from incoming i
left join lateral (
    select o.*
    from caudal.observation o
    where o.space_id = %(space_id)s and o.source_account_id = i.source_account_id
        and o.provider_id = i.provider_id
    order by o.version desc
    limit 1
) told on true
left join lateral (
    select l.transaction_id
    from caudal.observation_link l
    where l.space_id = %(space_id)s and l.observation_id = told.observation_id
    limit 1
) linked on true
left join lateral (
    select t.follows
    from caudal.transaction t
    where told.gone and not i.gone and t.space_id = %(space_id)s and t.transaction_id = linked.transaction_id
        and t.gone_at is null
    limit 1
) standing on true
left join lateral (
    select h.provider_id not in (i.provider_id, i.replaces) and h.replaces <> i.provider_id as unrelated
    from caudal.observation h
    where standing.follows is not null and h.space_id = %(space_id)s and h.observation_id = standing.follows
    limit 1
) head on true
cross join lateral (
    select case
        when head.unrelated or (told.gone and not i.gone and i.replaces <> '' and not i.claims) then null
        else linked.transaction_id
    end as transaction_id
    offset 0
) link
left join lateral (
    select o.observation_id
    from caudal.observation o
    where i.claims and told.observation_id is null and o.space_id = %(space_id)s
        and o.source_account_id = i.source_account_id and o.provider_id = i.replaces
    order by o.version desc
    limit 1
) place on true
left join lateral (
    select true as taken
    from caudal.observation c
    cross join lateral (
        select o.observation_id
        from caudal.observation o
        where o.space_id = %(space_id)s and o.source_account_id = c.source_account_id
            and o.provider_id = c.provider_id
        order by o.version desc
        limit 1
    ) latest
    where place.observation_id is not null and c.space_id = %(space_id)s
        and c.source_account_id = i.source_account_id and c.replaces <> '' and c.replaces = i.replaces
        and not c.gone and latest.observation_id = c.observation_id
        and not exists (select from incoming leaving
            where leaving.source_account_id = c.source_account_id
                and leaving.provider_id = c.provider_id and leaving.gone and leaving.final)
    limit 1
) other on true
left join lateral (
    select l.transaction_id
    from caudal.observation_link l
    where other.taken is null and l.space_id = %(space_id)s and l.observation_id = place.observation_id
    limit 1
) replaced on true
left join lateral (
    select c.observation_id
    from caudal.observation c
    where told.observation_id is null and i.status = 'pending' and c.space_id = %(space_id)s
        and c.source_account_id = i.source_account_id and c.replaces <> '' and c.replaces = i.provider_id
    order by c.observation_id
    limit 1
) replacing on true
left join lateral (
    select l.transaction_id
    from caudal.observation_link l
    where l.space_id = %(space_id)s and l.observation_id = replacing.observation_id
    limit 1
) heir on true
where case
    when i.step > 0 then true
    when i.gone then told.observation_id is not null and not told.gone
    when told.observation_id is null or told.gone then true
    else (told.status, told.amount, told.currency, told.booked_on, told.value_on, told.authorized_on,
            told.occurred_at, told.description, told.counterparty, told.reference, told.category)
        is distinct from (i.status, i.amount, i.currency, i.booked_on, i.value_on, i.authorized_on,
            i.occurred_at, i.description, i.counterparty, i.reference, i.category)
    end

-- name: unite_families
-- Chains that replace one another on this page are of one transaction: of the one that any of them is of already.
update resolved r set transaction_id = known.transaction_id, created = false
from (
    select distinct on (family) family, transaction_id
    from resolved
    where family is not null and not created
    order by family, ord desc
) known
where r.family = known.family and r.created

-- name: insert_observations
-- Every version, kept for good.
insert into caudal.observation
    (space_id, observation_id, source_account_id, provider_id, version, run_id, gone, status, amount, currency,
    booked_on, entered_on, value_on, authorized_on, occurred_at, description, counterparty, reference, category, raw,
    replaces, fallback_id)
select %(space_id)s, observation_id, source_account_id, provider_id, version, %(run_id)s, gone, status, amount,
    currency, booked_on, entered_on, value_on, authorized_on, occurred_at, description, counterparty, reference,
    category, raw, replaces, fallback_id
from resolved
order by ord

-- name: insert_transactions
-- A chain seen for the first time founds a transaction. What that does to the account's days is added up and moves
-- with it.
with moved as (
    insert into caudal.transaction
        (space_id, transaction_id, account_id, follows, status, amount, currency, booked_on, entered_on, value_on,
        authorized_on, occurred_at, description, counterparty, reference, category, gone_at)
    select distinct on (transaction_id) %(space_id)s, transaction_id, account_id, observation_id, status, amount,
        currency, booked_on, entered_on, value_on, authorized_on, occurred_at, description, counterparty, reference,
        category, case when gone then now() end
    from resolved
    where created and final
    order by transaction_id, ord desc
    returning transaction_id, account_id, currency, coalesce(entered_on, booked_on) as day, status, booked_on,
        case when gone_at is null then amount else 0 end as amount,
        case when gone_at is null then 1 else 0 end as count
), noted as (
    insert into happened (kind, account_id, transaction_id, day)
    select 'transactions.created', account_id, transaction_id, booked_on from moved where count = 1
)
insert into caudal.account_day as d
    (space_id, account_id, currency, day, booked, booked_count, pending_count)
select %(space_id)s, account_id, currency, day,
    coalesce(sum(amount) filter (where status = 'booked'), 0),
    coalesce(sum(count) filter (where status = 'booked'), 0),
    coalesce(sum(count) filter (where status = 'pending'), 0)
from moved
group by account_id, currency, day
order by account_id, currency, day
on conflict on constraint account_day_pk do update set
    booked = d.booked + excluded.booked, booked_count = d.booked_count + excluded.booked_count,
    pending_count = d.pending_count + excluded.pending_count

-- name: insert_links
-- Which observation tells of which transaction, and by what rule.
insert into caudal.observation_link (space_id, observation_id, transaction_id, rule)
select %(space_id)s, observation_id, transaction_id, rule from resolved order by ord

-- name: restate_transactions
-- Transactions that were known, or that several chains of this page tell of: each follows the latest version of a
-- chain that isn't gone and that no other replaces. What that changes is added up in the account's days. Returns how many
-- that were known before this page it changed, and how many it took away. What a transaction that is a conclusion from
-- several says is not settled here.
-- Each `offset 0` keeps a look-up a look-up: joined freely, the planner would walk the space for a page.
with touched as (
    select distinct transaction_id, account_id from resolved where not created or family is not null
), chains as (
    select distinct on (touched.transaction_id, o.source_account_id, o.provider_id)
        touched.transaction_id, touched.account_id, o.*
    from touched
    cross join lateral (
        select l.observation_id
        from caudal.observation_link l
        where l.space_id = %(space_id)s and l.transaction_id = touched.transaction_id
        offset 0
    ) link
    cross join lateral (
        select * from caudal.observation each
        where each.space_id = %(space_id)s and each.observation_id = link.observation_id
        offset 0
    ) o
    order by touched.transaction_id, o.source_account_id, o.provider_id, o.version desc
), weighed as (
    select chains.*,
        provider_id = any (array_agg(replaces) filter (where not gone) over (partition by transaction_id)) as replaced,
        provider_id = any (array_agg(replaces) over (partition by transaction_id)) as was_replaced
    from chains
), heads as (
    select distinct on (transaction_id) *
    from weighed
    order by transaction_id, gone, coalesce(replaced, false), was_replaced, seen_at desc, observation_id desc
), written as (
    insert into caudal.transaction as t
        (space_id, transaction_id, account_id, follows, status, amount, currency, booked_on, entered_on, value_on,
        authorized_on, occurred_at, description, counterparty, reference, category, gone_at)
    select %(space_id)s, transaction_id, account_id, observation_id, status, amount, currency, booked_on, entered_on,
        value_on, authorized_on, occurred_at, description, counterparty, reference, category,
        case when gone then now() end
    from heads
    on conflict on constraint transaction_pk do update set
        follows = excluded.follows,
        status = case when t.concluded then t.status else excluded.status end,
        amount = case when t.concluded then t.amount else excluded.amount end,
        currency = case when t.concluded then t.currency else excluded.currency end,
        booked_on = case when t.concluded then t.booked_on else excluded.booked_on end,
        entered_on = case when t.concluded then t.entered_on else excluded.entered_on end,
        value_on = case when t.concluded then t.value_on else excluded.value_on end,
        authorized_on = case when t.concluded then t.authorized_on else excluded.authorized_on end,
        occurred_at = case when t.concluded then t.occurred_at else excluded.occurred_at end,
        description = case when t.concluded then t.description else excluded.description end,
        counterparty = case when t.concluded then t.counterparty else excluded.counterparty end,
        reference = case when t.concluded then t.reference else excluded.reference end,
        category = case when t.concluded then t.category else excluded.category end,
        gone_at = case
            when t.concluded then t.gone_at
            when excluded.gone_at is not null then coalesce(t.gone_at, excluded.gone_at)
        end,
        updated_at = now()
    where t.follows <> excluded.follows
    returning old.account_id as old_account_id, old.currency as old_currency,
        coalesce(old.entered_on, old.booked_on) as old_day, old.amount as old_amount, old.status as old_status,
        old.gone_at as old_gone_at, new.account_id, new.currency, coalesce(new.entered_on, new.booked_on) as day,
        new.amount, new.status, new.gone_at, new.created_at < now() and not new.concluded as known,
        new.transaction_id, new.booked_on
), noted as (
    insert into happened (kind, account_id, transaction_id, day)
    select case
            when gone_at is not null then 'transactions.removed'
            when old_status = 'pending' and status = 'booked' then 'transactions.settled'
            else 'transactions.updated'
        end, account_id, transaction_id, booked_on
    from written
    where known and (gone_at is null or old_gone_at is null)
), dated as (
    insert into happened (kind, day)
    select distinct 'transactions.updated', booked_on from written where not known
), moved as (
    select account_id, currency, day, status, amount, 1 as count from written where gone_at is null
    union all
    select old_account_id, old_currency, old_day, old_status, -old_amount, -1 from written where old_gone_at is null
), summed as (
    insert into caudal.account_day as d
        (space_id, account_id, currency, day, booked, booked_count, pending_count)
    select %(space_id)s, account_id, currency, day,
        coalesce(sum(amount) filter (where status = 'booked'), 0),
        coalesce(sum(count) filter (where status = 'booked'), 0),
        coalesce(sum(count) filter (where status = 'pending'), 0)
    from moved
    group by account_id, currency, day
    order by account_id, currency, day
    on conflict on constraint account_day_pk do update set
        booked = d.booked + excluded.booked, booked_count = d.booked_count + excluded.booked_count,
        pending_count = d.pending_count + excluded.pending_count
)
select count(*) filter (where known and gone_at is null) as changed,
    count(*) filter (where known and gone_at is not null and old_gone_at is null) as gone
from written

-- name: insert_balances
-- Figures the source reported; one told before is not told again. A snapshot is told with what it counts: the
-- movements that the ledger holds at this moment, before its day and from it on.
with told as (
insert into caudal.balance
    (space_id, source_account_id, run_id, kind, as_of, amount, currency, firm, told_at, held_before, held_since)
select %(space_id)s, row.source_account_id, %(run_id)s, row.kind, row.as_of, row.amount, row.currency, row.firm,
    row.told_at, held.before, held.since
from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, account_id uuid, kind text, as_of date,
    amount numeric, currency text, firm boolean, told_at timestamptz)
left join lateral (
    select coalesce(sum(d.booked) filter (where d.day < row.as_of), 0) as before,
        coalesce(sum(d.booked) filter (where d.day >= row.as_of), 0) as since
    from caudal.account_day d
    where d.space_id = %(space_id)s and d.account_id = row.account_id and d.currency = row.currency
    offset 0
) held on row.kind in ('booked', 'presumed') and not row.firm
on conflict on constraint balance_told_unique do nothing
returning source_account_id, kind, as_of, amount, currency
)
insert into happened (kind, account_id, data)
select 'balance.updated', s.account_id,
    jsonb_build_object('kind', t.kind, 'as_of', t.as_of, 'amount', t.amount::text, 'currency', t.currency)
from told t
join caudal.source_account s on s.space_id = %(space_id)s and s.source_account_id = t.source_account_id

-- name: insert_holdings
-- Positions, in place of those told of the same day before.
with told as (
    select * from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, as_of date, asset text,
        quantity numeric, currency text, name text, kind text, price numeric, value numeric, cost numeric)
), dated as (
    update caudal.source_account s set holdings_as_of = days.as_of
    from (
        select source_account_id, max(as_of) as as_of
        from jsonb_to_recordset(%(days)s) as day (source_account_id uuid, as_of date)
        group by source_account_id
    ) days
    where s.space_id = %(space_id)s and s.source_account_id = days.source_account_id
        and (s.holdings_as_of is null or s.holdings_as_of <= days.as_of)
), cleared as (
    delete from caudal.holding h
    using jsonb_to_recordset(%(days)s) as days (source_account_id uuid, as_of date)
    where h.space_id = %(space_id)s and h.source_account_id = days.source_account_id and h.as_of = days.as_of
        and not exists (select from told
            where told.source_account_id = h.source_account_id and told.as_of = h.as_of and told.asset = h.asset)
)
insert into caudal.holding (space_id, source_account_id, as_of, asset, run_id, quantity, currency, name, kind, price,
    value, cost)
select %(space_id)s, source_account_id, as_of, asset, %(run_id)s, quantity, currency, name, kind, price, value, cost
from told
on conflict on constraint holding_pk do update set
    run_id = excluded.run_id, quantity = excluded.quantity, currency = excluded.currency, name = excluded.name,
    kind = excluded.kind, price = excluded.price, value = excluded.value, cost = excluded.cost

-- name: insert_coverage
-- The windows this page completes.
insert into caudal.coverage (space_id, source_account_id, run_id, start_on, end_on)
select %(space_id)s, source_account_id, %(run_id)s, start_on, end_on
from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, start_on date, end_on date)
on conflict on constraint coverage_window_unique do nothing

-- name: insert_quarantine
-- What could not be understood, once.
insert into caudal.quarantine (space_id, connection_id, run_id, subject, place, why, raw, fingerprint)
select %(space_id)s, %(connection_id)s, %(run_id)s, %(subject)s, place, why, raw,
    sha256(convert_to(concat_ws(chr(31), place, why, raw), 'UTF8'))
from jsonb_to_recordset(%(rows)s) as row (place text, why text, raw text)
on conflict on constraint quarantine_fingerprint_unique do nothing

-- name: move_cursor
-- Where this stream of the connection now stands, and whether its source may call it back from there. At rest, what
-- was being pulled anew has been told to its end.
insert into caudal.cursor (space_id, connection_id, stream, value, rested_at)
values (%(space_id)s, %(connection_id)s, %(stream)s, %(value)s, case when %(at_rest)s then now() end)
on conflict on constraint cursor_pk do update set
    value = excluded.value, updated_at = now(), rested_at = coalesce(excluded.rested_at, cursor.rested_at),
    sweep = case when %(at_rest)s then 'none' else cursor.sweep end

-- name: restart_cursor
-- The source wants the stream to be pulled anew from here. Twice in a row, the wider comparison stands.
insert into caudal.cursor (space_id, connection_id, stream, value, sweep)
values (%(space_id)s, %(connection_id)s, %(stream)s, %(value)s, %(sweep)s)
on conflict on constraint cursor_pk do update set
    value = excluded.value, updated_at = now(),
    sweep = case when cursor.sweep = 'all' then 'all' else excluded.sweep end

-- name: forget_told_again
-- What was told since the last time the stream was pulled anew.
delete from caudal.told_again
where space_id = %(space_id)s and connection_id = %(connection_id)s and stream = %(stream)s

-- name: note_told_again
-- While a stream is pulled anew: what this page told, also of what it says is gone.
insert into caudal.told_again (space_id, connection_id, stream, source_account_id, provider_id, booked_on)
select distinct on (source_account_id, provider_id) %(space_id)s, %(connection_id)s, %(stream)s, source_account_id,
    provider_id, case when not gone then booked_on end
from incoming
order by source_account_id, provider_id, ord desc
on conflict on constraint told_again_pk do nothing

-- name: sweep
-- A stream has been pulled anew to its end. What had been told since it last rested (or, from the beginning: of the
-- days told again) and was not told again: the source holds it no more. It joins the page's incoming as gone.
insert into incoming (ord, source_account_id, account_id, provider_id, rule)
select (select coalesce(max(ord), 0) from incoming) + row_number() over (), s.source_account_id, s.account_id,
    live.provider_id, 'not_told_again'
from caudal.source_account s
left join lateral (
    select min(a.booked_on) as first_on
    from caudal.told_again a
    where a.space_id = s.space_id and a.connection_id = s.connection_id and a.stream = %(stream)s
        and a.source_account_id = s.source_account_id
) again on true
join lateral (
    select distinct on (o.provider_id) o.provider_id, o.gone, o.status, o.booked_on, o.seen_at, r.stream
    from caudal.observation o
    join caudal.run r on r.space_id = o.space_id and r.run_id = o.run_id
    where o.space_id = s.space_id and o.source_account_id = s.source_account_id
    order by o.provider_id, o.version desc
) live on not live.gone and live.stream = %(stream)s
where s.space_id = %(space_id)s and s.connection_id = %(connection_id)s
    and case
        when %(rested_at)s::timestamptz is null or live.seen_at > %(rested_at)s then true
        else %(sweep)s = 'all' and (live.status = 'pending' or live.booked_on >= again.first_on)
    end
    and s.selected
    and not exists (
        select from caudal.told_again a
        where a.space_id = s.space_id and a.connection_id = s.connection_id and a.stream = %(stream)s
            and a.source_account_id = s.source_account_id and a.provider_id = live.provider_id)
returning account_id

-- name: sweep_windows
-- The source holds of these days what it told, and nothing else. Each movement that stands in the ledger by its word, and
-- isn't among that: all its records of this account join the page's incoming as gone.
insert into incoming (ord, source_account_id, account_id, provider_id, rule)
select (select coalesce(max(ord), 0) from incoming) + row_number() over (), w.source_account_id, w.account_id,
    live.provider_id, 'not_in_window'
from jsonb_to_recordset(%(rows)s) as w (source_account_id uuid, account_id uuid, start_on date, end_on date,
    ids jsonb)
join caudal.transaction t on t.space_id = %(space_id)s and t.account_id = w.account_id
    and (t.gone_at is null or t.concluded) and t.booked_on between w.start_on and w.end_on
join caudal.observation head on head.space_id = t.space_id and head.observation_id = t.follows and not head.gone
    and head.source_account_id = w.source_account_id and not w.ids ? head.provider_id
join caudal.run r on r.space_id = head.space_id and r.run_id = head.run_id and r.stream = %(stream)s
join lateral (
    select distinct o.provider_id
    from caudal.observation_link l
    join caudal.observation o on o.space_id = l.space_id and o.observation_id = l.observation_id
    where l.space_id = t.space_id and l.transaction_id = t.transaction_id
        and o.source_account_id = w.source_account_id and not w.ids ? o.provider_id
        and not exists (select from incoming leaving
            where leaving.source_account_id = o.source_account_id and leaving.provider_id = o.provider_id)
    offset 0
) live on true
returning account_id

-- name: forget_incoming
-- What the page told has been written: room for what follows from it.
delete from incoming

-- name: forget_resolved
-- The same of what was new in it.
delete from resolved

-- name: sweep_ended
-- This connection has told, of these accounts, all there is from some day on: the first of its window, else the first it told
-- of. What a connection to the same provider that has ended told of those days, and is of no movement that this one told
-- too, the bank has withdrawn or corrected since: it joins the incoming as gone. Days compared before are not again.
with told as (
    select s.source_account_id, s.account_id, s.home_id, c.provider, coalesce(w.start_on, (
            select min(o.booked_on) from caudal.observation o
            where o.space_id = s.space_id and o.source_account_id = s.source_account_id)) as first_on
    from jsonb_to_recordset(%(rows)s) as w (source_account_id uuid, start_on date)
    join caudal.source_account s on s.space_id = %(space_id)s and s.source_account_id = w.source_account_id
    join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
), ended as materialized (
    select e.source_account_id, e.account_id, told.source_account_id as successor, told.first_on,
        coalesce(e.compared_from, 'infinity') as compared_from
    from told
    join caudal.source_account e on e.space_id = %(space_id)s and e.account_id = told.account_id
        and e.home_id = told.home_id
    join caudal.connection c on c.space_id = e.space_id and c.connection_id = e.connection_id
        and c.state = 'revoked' and c.provider = told.provider
    where told.first_on < coalesce(e.compared_from, 'infinity')
), noted as (
    update caudal.source_account e set compared_from = ended.first_on
    from ended
    where e.space_id = %(space_id)s and e.source_account_id = ended.source_account_id
), movements as materialized (
    select ended.source_account_id, ended.account_id, ended.successor, t.transaction_id, t.follows,
        coalesce(t.into_id, t.transaction_id) as stands
    from ended
    cross join lateral (
        select * from caudal.transaction each
        where each.space_id = %(space_id)s and each.account_id = ended.account_id
            and each.booked_on >= ended.first_on and each.booked_on < ended.compared_from
            and (each.gone_at is null or each.concluded)
        offset 0
    ) t
), alone as materialized (
    select m.*
    from movements m
    cross join lateral (
        select o.source_account_id, o.gone from caudal.observation o
        where o.space_id = %(space_id)s and o.observation_id = m.follows
        offset 0
    ) head
    where head.source_account_id = m.source_account_id and not head.gone and not exists (
        select from (
            select each.follows from caudal.transaction each
            where each.space_id = %(space_id)s and each.transaction_id = m.stands
            union all
            select each.follows from caudal.transaction each
            where each.space_id = %(space_id)s and each.into_id = m.stands
            offset 0
        ) beside
        cross join lateral (
            select o.source_account_id from caudal.observation o
            where o.space_id = %(space_id)s and o.observation_id = beside.follows
            offset 0
        ) told_by
        where told_by.source_account_id = m.successor)
)
insert into incoming (ord, source_account_id, account_id, provider_id, rule)
select row_number() over (), alone.source_account_id, alone.account_id, live.provider_id, 'successor_tells_not'
from alone
cross join lateral (
    select distinct on (o.provider_id) o.provider_id, o.gone
    from (
        select l.observation_id from caudal.observation_link l
        where l.space_id = %(space_id)s and l.transaction_id = alone.transaction_id
        offset 0
    ) link
    cross join lateral (
        select * from caudal.observation each
        where each.space_id = %(space_id)s and each.observation_id = link.observation_id
        offset 0
    ) o
    where o.source_account_id = alone.source_account_id
    order by o.provider_id, o.version desc
) live
where not live.gone
returning account_id

-- name: mark_proof_due
-- These accounts' proof is to be concluded anew. In the order of their ids, so that two writers never wait crosswise.
update caudal.account a set proof_due = true
from (
    select account_id from caudal.account
    where space_id = %(space_id)s and account_id = any (%(accounts)s) and not proof_due
    order by account_id
    for update
) due
where a.space_id = %(space_id)s and a.account_id = due.account_id

-- name: count_page
-- The run's record of this page; returns how many transactions it created.
with page as (
    select count(distinct transaction_id) as created from resolved where created
)
update caudal.run set
    pages = pages + 1, seen = seen + %(seen)s, created = run.created + page.created,
    changed = run.changed + %(changed)s, gone = run.gone + %(gone)s, quarantined = quarantined + %(quarantined)s,
    left_out = run.left_out + %(left_out)s
from page
where run.space_id = %(space_id)s and run.run_id = %(run_id)s
returning page.created

-- name: rows_known
-- How many transactions the planner believes there are (-1: it has never been told).
select reltuples::bigint as rows from pg_class where oid = 'caudal.transaction'::regclass

-- name: make_statistics
-- What autovacuum would do in its own time: have the planner know what has just been written.
analyze caudal.transaction, caudal.observation, caudal.observation_link, caudal.account_day, caudal.balance
