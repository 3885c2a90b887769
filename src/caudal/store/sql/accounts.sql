-- name: raise_account_doubts
-- Source accounts that may be of one account: what a person is to be asked, once; not of accounts they have said to be two,
-- nor of what is booked together.
with given as (
    select row.*, one.account_id, one.name, other.account_id as other_account_id
    from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, candidate_id uuid, rule text, found jsonb)
    join caudal.source_account one on one.space_id = %(space_id)s and one.source_account_id = row.source_account_id
    join caudal.source_account other on other.space_id = %(space_id)s and other.source_account_id = row.candidate_id
    where one.account_id <> other.account_id and not exists (
        select from caudal.account_decision d
        where d.space_id = %(space_id)s and d.kind = 'apart' and d.undone_at is null
            and (d.account_id, d.other_id) in ((one.account_id, other.account_id), (other.account_id, one.account_id)))
), asked as (
    insert into caudal.account_doubt (space_id, source_account_id, candidate_id, rule, found)
    select %(space_id)s, source_account_id, candidate_id, rule, found from given
    on conflict on constraint account_doubt_pk do nothing
    returning source_account_id, candidate_id, rule
)
insert into happened (kind, account_id, data)
select 'account.doubted', given.account_id, jsonb_build_object('may_be', given.other_account_id, 'rule', asked.rule)
from asked
join given on given.source_account_id = asked.source_account_id and given.candidate_id = asked.candidate_id

-- name: list_account_doubts
-- Accounts that may be one: what a person is asked, the oldest first.
select d.source_account_id, one.account_id, here.name as account, other.account_id as other_account_id,
    there.name as other_account, d.rule, d.found::text as found
from caudal.account_doubt d
join caudal.source_account one on one.space_id = d.space_id and one.source_account_id = d.source_account_id
join caudal.source_account other on other.space_id = d.space_id and other.source_account_id = d.candidate_id
join caudal.account here on here.space_id = d.space_id and here.account_id = one.account_id
join caudal.account there on there.space_id = d.space_id and there.account_id = other.account_id
left join caudal.account_decision said on said.space_id = d.space_id and said.decision_id = d.answered_by
where d.space_id = %(space_id)s and one.account_id <> other.account_id
    and (said.decision_id is null or said.undone_at is not null)
order by d.asked_at, d.source_account_id, d.candidate_id
limit %(limit)s

-- name: answer_account_doubts
-- A person says of two accounts that they are two: what was asked of them is answered.
update caudal.account_doubt d set answered_by = %(decision_id)s
from caudal.source_account one, caudal.source_account other
where d.space_id = %(space_id)s and one.space_id = d.space_id and one.source_account_id = d.source_account_id
    and other.space_id = d.space_id and other.source_account_id = d.candidate_id
    and (one.account_id, other.account_id) in
        ((%(account_id)s, %(other_id)s), (%(other_id)s, %(account_id)s))

-- name: hold_connections
-- Every connection of the space, in the order of their ids: no page is written, and no account shown, until this ends.
select from caudal.connection where space_id = %(space_id)s order by connection_id for update

-- name: source_bookings
-- Where every source account was first, and where it is booked.
select s.source_account_id, s.account_id, s.home_id, s.reference, s.name, s.mask, s.iban, s.number, a.currency
from caudal.source_account s
join caudal.account a on a.space_id = s.space_id and a.account_id = s.account_id
where s.space_id = %(space_id)s
order by s.created_at, s.source_account_id

-- name: decide_on_account
-- A word on accounts.
insert into caudal.account_decision
    (space_id, decision_id, kind, account_id, other_id, source_account_id, said_by)
values (%(space_id)s, %(decision_id)s, %(kind)s, %(account_id)s, %(other_id)s, %(source_account_id)s, %(said_by)s)

-- name: undo_account_decision
-- A word on accounts is taken back. None where it isn't there or was before.
update caudal.account_decision set undone_at = now()
where space_id = %(space_id)s and decision_id = %(decision_id)s and undone_at is null
returning account_id, other_id

-- name: account_decisions
-- What was said of accounts and stands, in the order it was said.
select d.decision_id, d.kind, d.account_id, a.name as account, d.other_id, o.name as other, d.source_account_id, d.said_by
from caudal.account_decision d
join caudal.account a on a.space_id = d.space_id and a.account_id = d.account_id
join caudal.account o on o.space_id = d.space_id and o.account_id = d.other_id
where d.space_id = %(space_id)s and d.undone_at is null
order by d.made_at, d.decision_id

-- name: add_account
-- An account for what was parted from another, of its kind and in its currency.
insert into caudal.account (space_id, account_id, name, kind, currency)
select %(space_id)s, %(account_id)s, %(name)s, s.kind, s.currency
from caudal.source_account s
where s.space_id = %(space_id)s and s.source_account_id = %(source_account_id)s

-- name: book_accounts
-- Where accounts that were joined to others are found; the rest stands by itself.
update caudal.account a set joined_into = (%(joined)s::jsonb ->> a.account_id::text)::uuid
where a.space_id = %(space_id)s
    and a.joined_into is distinct from (%(joined)s::jsonb ->> a.account_id::text)::uuid

-- name: book_source_accounts
-- Source accounts go where they belong now.
with booked as (
    update caudal.source_account s set account_id = row.account_id, updated_at = now()
    from jsonb_to_recordset(%(rows)s) as row (source_account_id uuid, account_id uuid)
    where s.space_id = %(space_id)s and s.source_account_id = row.source_account_id
    returning s.source_account_id, new.account_id, old.account_id as before
)
insert into happened (kind, account_id, data)
select 'account.rebooked', account_id,
    jsonb_build_object('from', before, 'source_accounts', jsonb_agg(source_account_id order by source_account_id))
from booked
group by account_id, before

-- name: book_transactions
-- Each transaction of these accounts goes where the source account that founded it is booked, and what it adds to its day
-- goes with it.
with strayed as materialized (
    select t.transaction_id, s.account_id
    from caudal.transaction t
    cross join lateral (
        select o.source_account_id from caudal.observation o
        where o.space_id = t.space_id and o.observation_id = t.follows
        offset 0
    ) head
    cross join lateral (
        select each.account_id from caudal.source_account each
        where each.space_id = t.space_id and each.source_account_id = head.source_account_id
        offset 0
    ) s
    where t.space_id = %(space_id)s and t.account_id = any (%(accounts)s) and s.account_id <> t.account_id
), booked as (
    update caudal.transaction t set account_id = strayed.account_id, updated_at = now()
    from strayed
    where t.space_id = %(space_id)s and t.transaction_id = strayed.transaction_id
    returning old.account_id as before, new.account_id, t.currency, coalesce(t.entered_on, t.booked_on) as day,
        t.status, t.amount, t.gone_at
), moved as (
    select account_id, currency, day, status, amount, 1 as count from booked where gone_at is null
    union all
    select before, currency, day, status, -amount, -1 from booked where gone_at is null
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

-- name: forget_empty_days
-- Days of these accounts that hold nothing any more.
delete from caudal.account_day
where space_id = %(space_id)s and account_id = any (%(accounts)s) and booked_count = 0 and pending_count = 0

-- name: unseen_overlaps
-- Source accounts of a connection that were never held beside what other accounts tell, and have told enough by now. One that
-- is booked together with others is known already.
select s.source_account_id, s.account_id, s.reference
from caudal.source_account s
where s.space_id = %(space_id)s and s.connection_id = %(connection_id)s and not s.overlap_seen
    and not exists (
        select from caudal.source_account other
        where other.account_id = s.account_id and other.space_id = s.space_id
            and other.source_account_id <> s.source_account_id)
    and %(movements)s <= (
        select count(*) from (
            select from caudal.transaction t
            where t.account_id = s.account_id and t.space_id = s.space_id and t.status = 'booked'
                and t.gone_at is null
            limit %(movements)s
        ) told)
order by s.source_account_id
limit %(most)s

-- name: mark_overlaps_seen
-- These have been.
update caudal.source_account set overlap_seen = true
where space_id = %(space_id)s and source_account_id = any (%(source_accounts)s)

-- name: latest_movements
-- The latest booked movements of these accounts, of each so many at most.
select a.account_id, m.booked_on, m.amount, m.currency, a.first_on
from (
    select each.account_id, (
        select t.booked_on from caudal.transaction t
        where t.account_id = each.account_id and t.space_id = %(space_id)s and t.status = 'booked'
            and t.gone_at is null
        order by t.booked_on, t.transaction_id
        limit 1
    ) as first_on
    from unnest(%(accounts)s::uuid[]) as each (account_id)
    offset 0
) a
cross join lateral (
    select t.booked_on, t.amount, t.currency
    from caudal.transaction t
    where t.account_id = a.account_id and t.space_id = %(space_id)s and t.status = 'booked' and t.gone_at is null
    order by t.booked_on desc, t.transaction_id desc
    limit %(most)s
) m
order by a.account_id, m.booked_on

-- name: movements_beside
-- What other accounts in one of these currencies hold as booked between two days, the latest first, of each so many at most,
-- of so many accounts.
with others as (
    select each.account_id, (
        select t.booked_on from caudal.transaction t
        where t.account_id = each.account_id and t.space_id = %(space_id)s and t.status = 'booked'
            and t.gone_at is null
        order by t.booked_on, t.transaction_id
        limit 1
    ) as first_on
    from caudal.account each
    where each.space_id = %(space_id)s and each.currency = any (%(currencies)s)
        and each.account_id <> all (%(accounts)s) and each.joined_into is null
    order by each.account_id desc
    limit %(accounts_most)s
)
select a.account_id, m.booked_on, m.amount, m.currency, a.first_on
from others a
cross join lateral (
    select t.booked_on, t.amount, t.currency
    from caudal.transaction t
    where t.account_id = a.account_id and t.space_id = %(space_id)s and t.status = 'booked' and t.gone_at is null
        and t.booked_on between %(first)s and %(last)s
    order by t.booked_on desc, t.transaction_id desc
    limit %(most)s
) m
order by a.account_id, m.booked_on

-- name: latest_told
-- The latest booked balances told of these accounts, so many by each source account.
select s.account_id, b.as_of, b.amount, b.currency, b.firm
from caudal.source_account s
cross join lateral (
    select each.as_of, each.amount, each.currency, each.firm
    from caudal.balance each
    where each.space_id = s.space_id and each.source_account_id = s.source_account_id and each.kind = 'booked'
    order by each.as_of desc
    limit %(most)s
) b
where s.space_id = %(space_id)s and s.account_id = any (%(accounts)s)

-- name: credit_told
-- The latest credit lines told of cards, and what is left of them, so many days of each: by connection, for what one
-- connection shows may share a line.
select s.account_id::text as account, s.connection_id::text as connection, l.as_of as "on", l.currency, l.amount as line,
    left_of.amount as available
from caudal.source_account s
cross join lateral (
    select distinct on (each.as_of) each.as_of, each.amount, each.currency
    from caudal.balance each
    where each.space_id = s.space_id and each.source_account_id = s.source_account_id and each.kind = 'limit'
    order by each.as_of desc, each.seen_at desc, each.balance_id desc
    limit %(days)s
) l
cross join lateral (
    select each.amount
    from caudal.balance each
    where each.space_id = s.space_id and each.source_account_id = s.source_account_id and each.kind = 'available'
        and each.as_of = l.as_of and each.currency = l.currency
    order by each.seen_at desc, each.balance_id desc
    limit 1
) left_of
where s.space_id = %(space_id)s and s.kind = 'card' and s.gone_at is null
order by s.connection_id, s.account_id, l.as_of
