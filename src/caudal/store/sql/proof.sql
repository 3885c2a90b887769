-- name: look_up_only
-- Until this transaction ends, beside `steer_planner`: no table is read whole where an index leads to the few rows asked for,
-- on a database without statistics either.
select set_config('enable_seqscan', 'off', true)

-- name: balances_told
-- Every booked balance told of these accounts, as `evidence` has them, and who told each.
select s.account_id, b.currency, b.as_of, b.amount, b.firm, b.held_before, b.held_since, b.kind = 'presumed' as presumed,
    c.provider, r.subject, r.started_at
from caudal.source_account s
cross join lateral (
    select * from caudal.connection each
    where each.space_id = s.space_id and each.connection_id = s.connection_id
    offset 0
) c
cross join lateral (
    select * from caudal.balance each
    where each.space_id = s.space_id and each.source_account_id = s.source_account_id
        and each.kind in ('booked', 'presumed')
    offset 0
) b
cross join lateral (
    select * from caudal.run each
    where each.space_id = s.space_id and each.run_id = b.run_id
    offset 0
) r
where s.space_id = %(space_id)s and s.account_id = any (%(accounts)s) and (b.currency <> 'XXX' or s.currency = 'XXX')
order by s.account_id, b.currency, b.as_of, b.seen_at, b.balance_id

-- name: movements_of_amounts
-- The movements of these amounts (as text, as they are looked up by) that sources tell of these accounts within days, as
-- the ledger has them; gone or not. Of each source, amount and stretch at most 200.
with asked as materialized (
    select * from jsonb_to_recordset(%(rows)s) as row (account_id uuid, currency text, amount_key text, start_on date,
        end_on date)
), found as materialized (
    select distinct asked.account_id, l.transaction_id, told.observation_id
    from asked
    cross join lateral (
        select s.source_account_id from caudal.source_account s
        where s.space_id = %(space_id)s and s.account_id = asked.account_id
        offset 0
    ) source
    cross join lateral (
        select o.observation_id from caudal.observation o
        where o.space_id = %(space_id)s and o.source_account_id = source.source_account_id
            and o.amount_key = asked.amount_key and o.booked_on between asked.start_on and asked.end_on
            and o.currency = asked.currency
        order by o.booked_on
        limit 200
    ) told
    cross join lateral (
        select each.transaction_id from caudal.observation_link each
        where each.space_id = %(space_id)s and each.observation_id = told.observation_id
        offset 0
    ) l
)
select t.account_id, t.currency, t.transaction_id, coalesce(t.entered_on, t.booked_on) as on_day, t.amount, o.amount as told,
    coalesce(nullif(t.description, ''), t.counterparty) as text, t.status = 'pending' as pending,
    t.gone_at is not null as gone, t.into_id, exists (
        select from caudal.transaction other where other.into_id = t.transaction_id and other.space_id = %(space_id)s
    ) as together, coalesce(t.match_weight, 0) as weight, t.deleted or t.match_rule is not distinct from 'said' as said,
    coalesce(doubted.others, '{}') as doubts
from found
cross join lateral (
    select * from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = found.transaction_id
        and each.follows = found.observation_id
    offset 0
) t
cross join lateral (
    select each.amount from caudal.observation each
    where each.space_id = %(space_id)s and each.observation_id = found.observation_id
    offset 0
) o
left join lateral (
    select array_agg(other.transaction_id order by other.transaction_id) as others
    from (
        select d.other_id as transaction_id from caudal.doubt d
        where d.space_id = %(space_id)s and d.one_id = t.transaction_id
        union
        select d.one_id from caudal.doubt d
        where d.other_id = t.transaction_id and d.space_id = %(space_id)s
    ) other
    cross join lateral (
        select each.gone_at from caudal.transaction each
        where each.space_id = %(space_id)s and each.transaction_id = other.transaction_id
        offset 0
    ) there
    where there.gone_at is null
) doubted on t.gone_at is null
order by t.account_id, on_day, t.transaction_id

-- name: newest_pending
-- What is pending on these accounts, of each currency the newest, so many.
select asked.account_id, asked.currency, t.transaction_id, t.on_day, t.amount, t.text
from jsonb_to_recordset(%(rows)s) as asked (account_id uuid, currency text)
cross join lateral (
    select each.transaction_id, coalesce(each.entered_on, each.booked_on) as on_day, each.amount,
        coalesce(nullif(each.description, ''), each.counterparty) as text
    from caudal.transaction each
    where each.account_id = asked.account_id and each.space_id = %(space_id)s and each.status = 'pending'
        and each.gone_at is null and each.currency = asked.currency
    order by on_day desc, each.transaction_id desc
    limit %(limit)s
) t
order by asked.account_id, asked.currency, t.on_day, t.transaction_id

-- name: decided_on
-- What people said that bears on the balance of these accounts and stands, of the newest of the space's decisions: what the
-- ledger holds by it, and what the source tells. Of two that are one it is the one taken for the other, of one that is two
-- the second.
select t.account_id, t.currency, d.decision_id, d.kind, t.transaction_id, t.booked_on as on_day, t.amount,
    coalesce(nullif(t.description, ''), t.counterparty) as text, t.gone_at is not null as gone,
    case when d.kind <> 'one' and t.gone_at is null and t.status = 'booked' then t.amount else 0 end as held,
    coalesce(t.entered_on, t.booked_on) as held_on,
    case when d.kind <> 'apart' and (d.kind <> 'one' or t.into_id is not null) and not o.gone and o.status = 'booked'
        then o.amount else 0 end as told,
    coalesce(o.entered_on, o.booked_on) as told_on
from (
    select * from caudal.decision each
    where each.space_id = %(space_id)s and each.undone_at is null
        and (each.kind in ('one', 'apart', 'delete')
            or (each.kind in ('edit', 'lock') and each.data -> 'values' ?| array['amount', 'booked_on']))
    order by each.decision_id desc
    limit %(limit)s
) d
cross join lateral (
    select each.transaction_id, each.into_id from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = d.transaction_id
    offset 0
) said_of
left join lateral (
    select each.transaction_id, each.into_id from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = d.other_id
    offset 0
) other on true
cross join lateral (
    select * from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = case
            when d.kind = 'one' and other.into_id is null then said_of.transaction_id
            when d.kind in ('one', 'apart') then other.transaction_id
            else coalesce(said_of.into_id, said_of.transaction_id)
        end
    offset 0
) t
cross join lateral (
    select * from caudal.observation each
    where each.space_id = %(space_id)s and each.observation_id = t.follows
    offset 0
) o
where t.account_id = any (%(accounts)s)
order by d.decision_id desc

-- name: days_covered
-- The days of which sources told everything of these accounts, as few stretches as there are.
select covered.account_id, lower(stretch) as start_on, upper(stretch) - 1 as end_on
from (
    select s.account_id, range_agg(daterange(c.start_on, c.end_on, '[]')) as days
    from caudal.source_account s
    cross join lateral (
        select each.start_on, each.end_on from caudal.coverage each
        where each.space_id = s.space_id and each.source_account_id = s.source_account_id
        offset 0
    ) c
    where s.space_id = %(space_id)s and s.account_id = any (%(accounts)s)
    group by s.account_id
) covered
cross join lateral unnest(covered.days) as stretch
order by covered.account_id, start_on

-- name: tellers_of
-- Who tells of these accounts: whether it ever says that it told all of some days, and what a person left out of it.
select s.account_id, c.provider, c.label, s.selected, c.state = 'revoked' as ended,
    (now() at time zone 'UTC')::date - c.history_days as history_from, exists (
        select from caudal.coverage each
        where each.space_id = s.space_id and each.source_account_id = s.source_account_id
    ) as covers
from caudal.source_account s
cross join lateral (
    select * from caudal.connection each
    where each.space_id = s.space_id and each.connection_id = s.connection_id
    offset 0
) c
where s.space_id = %(space_id)s and s.account_id = any (%(accounts)s)
order by s.account_id, c.label, s.source_account_id

-- name: unread_near
-- What lies in quarantine by runs that told of these accounts, of each connection the newest: a run's first thousand
-- observations tell of which.
select s.account_id, q.subject, q.place, q.why, left(q.raw, 4000) as raw, r.started_at as told_at
from (
    select distinct each.account_id, each.connection_id from caudal.source_account each
    where each.space_id = %(space_id)s and each.account_id = any (%(accounts)s)
) s
cross join lateral (
    select each.run_id, each.subject, each.place, each.why, each.raw, each.quarantine_id from caudal.quarantine each
    where each.space_id = %(space_id)s and each.connection_id = s.connection_id
    order by each.quarantine_id desc
    limit %(limit)s
) q
cross join lateral (
    select each.started_at from caudal.run each
    where each.space_id = %(space_id)s and each.run_id = q.run_id
    offset 0
) r
where exists (
    select
    from (
        select b.source_account_id from caudal.balance b
        where b.run_id = q.run_id and b.space_id = %(space_id)s
        union all
        (select o.source_account_id from caudal.observation o
        where o.run_id = q.run_id and o.space_id = %(space_id)s
        limit 1000)
    ) told
    join caudal.source_account of_account on of_account.space_id = %(space_id)s
        and of_account.source_account_id = told.source_account_id
    where of_account.account_id = s.account_id
)
order by s.account_id, r.started_at desc, q.quarantine_id desc
