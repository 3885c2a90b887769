-- name: list_accounts
-- Accounts with what the ledger holds on them and their proof, a row for each currency in use. One that nothing is booked
-- to, or not here any more, isn't shown.
select a.account_id, a.name, a.kind, coalesce(sums.currency, a.currency) as currency,
    coalesce(sums.booked, 0) as booked, coalesce(sums.transactions, 0) as transactions,
    sums.first_on, sums.last_on, coalesce(p.verdict, 'none') as verdict, p.proven_to, p.off_by, p.off_since,
    told.iban, told.number, told.mask, told.institution
from caudal.account a
left join lateral (
    select d.currency, sum(d.booked) as booked, sum(d.booked_count + d.pending_count)::bigint as transactions,
        min(d.day) as first_on, max(d.day) as last_on
    from caudal.account_day d
    where d.space_id = a.space_id and d.account_id = a.account_id and d.booked_count + d.pending_count > 0
    group by d.currency
) sums on true
left join caudal.proof p
    on p.space_id = a.space_id and p.account_id = a.account_id and p.currency = coalesce(sums.currency, a.currency)
left join lateral (
    select s.iban, s.number, s.mask, s.institution
    from caudal.source_account s
    where s.space_id = a.space_id and s.account_id = a.account_id
    order by s.created_at, s.source_account_id
    limit 1
) told on true
where a.space_id = %(space_id)s and (%(account_id)s::uuid is null or a.account_id = %(account_id)s)
    and exists (
        select from caudal.source_account s
        where s.account_id = a.account_id and s.space_id = a.space_id and not s.elsewhere)
order by a.name, currency

-- name: ledger_by_source
-- How often the ledger holds what on the accounts that this provider's connections show; an account without any has one
-- empty row. One of several source accounts stands for an account.
select shown.reference as source_account, t.status, t.booked_on, t.amount, count(t.transaction_id) as count
from (
    select s.account_id, min(s.reference) as reference
    from caudal.source_account s
    join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
    where s.space_id = %(space_id)s and c.provider = %(provider)s and c.state <> 'revoked'
    group by s.account_id
) shown
left join caudal.transaction t
    on t.space_id = %(space_id)s and t.account_id = shown.account_id and t.gone_at is null
group by shown.reference, t.status, t.booked_on, t.amount

-- name: latest_balances
-- The latest booked balance each account's sources told.
select distinct on (s.account_id, b.currency) s.account_id, b.currency, b.amount, b.as_of
from caudal.balance b
join caudal.source_account s on s.space_id = b.space_id and s.source_account_id = b.source_account_id
where b.space_id = %(space_id)s and b.kind = 'booked'
order by s.account_id, b.currency, b.as_of desc, b.seen_at desc, b.balance_id desc

-- name: told_of_account
-- What was told to stand on an account, of every kind, the latest day first; those after a place.
select b.balance_id, b.kind, b.as_of, b.amount, b.currency, b.firm, b.told_at, b.seen_at, s.name as source, c.provider
from caudal.source_account s
join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
join caudal.balance b on b.space_id = s.space_id and b.source_account_id = s.source_account_id
where s.space_id = %(space_id)s and s.account_id = %(account_id)s
    and (%(after_on)s::date is null or (b.as_of, b.balance_id) < (%(after_on)s, %(after_id)s::uuid))
order by b.as_of desc, b.balance_id desc
limit %(limit)s

-- name: list_runs
-- How runs went, of a connection or of all, the latest first; those before a run. Ids of runs grow with time.
select r.run_id, r.connection_id, c.provider, c.label, r.subject, r.cause, r.started_at, r.finished_at, r.outcome, r.error,
    r.error_class, r.pages, r.seen, r.created, r.changed, r.gone, r.quarantined, r.left_out
from caudal.run r
join caudal.connection c on c.space_id = r.space_id and c.connection_id = r.connection_id
where r.space_id = %(space_id)s and (%(connection_id)s::uuid is null or r.connection_id = %(connection_id)s)
    and (%(before)s::uuid is null or r.run_id < %(before)s)
order by r.run_id desc
limit %(limit)s

-- name: list_transactions
-- Transactions, the latest first; every filter is optional.
select t.transaction_id, t.account_id, a.name as account, t.booked_on, t.amount, t.currency, t.status,
    t.description, t.counterparty, t.reference, t.value_on, coalesce(o.transfer_id, i.transfer_id) as transfer_id,
    coalesce(o.kind, i.kind) as transfer, coalesce(o.into_id, i.out_id) as other_side
from caudal.transaction t
join caudal.account a on a.space_id = t.space_id and a.account_id = t.account_id
left join caudal.transfer o on o.space_id = t.space_id and o.out_id = t.transaction_id
left join caudal.transfer i on i.space_id = t.space_id and i.into_id = t.transaction_id
where t.space_id = %(space_id)s and t.gone_at is null
    and (%(account_id)s::uuid is null or t.account_id = %(account_id)s)
    and (%(start)s::date is null or t.booked_on >= %(start)s)
    and (%(end)s::date is null or t.booked_on <= %(end)s)
    and (%(search)s::text is null or concat_ws(' ', t.description, t.counterparty, t.reference) ilike %(search)s)
order by t.booked_on desc, t.transaction_id desc
limit %(limit)s

-- name: find_transactions
-- Transactions whose id is, or begins with, this text; of one that was taken for another, that other. First which, then what
-- they say: together they would be read as if they were many.
with named as materialized (
    select distinct coalesce(into_id, transaction_id) as transaction_id
    from caudal.transaction
    where space_id = %(space_id)s
        and transaction_id between rpad(%(prefix)s, 32, '0')::uuid and rpad(%(prefix)s, 32, 'f')::uuid
    limit 2
)
select t.transaction_id, t.account_id, a.name as account, t.booked_on, t.amount, t.currency, t.status,
    t.description, t.counterparty, t.reference, t.value_on
from named
join caudal.transaction t on t.space_id = %(space_id)s and t.transaction_id = named.transaction_id
join caudal.account a on a.space_id = t.space_id and a.account_id = t.account_id

-- name: observations_of
-- All that sources told of one transaction, oldest version first.
select o.observation_id, o.provider_id, o.version, o.gone, o.status, o.amount, o.currency, o.booked_on, o.value_on,
    o.description, o.counterparty, o.reference, o.raw, o.seen_at, l.rule, s.reference as source_account,
    s.name as source_name, c.provider, r.subject, r.run_id, t.transaction_id as strand, t.match_rule, t.match_weight,
    coalesce(t.match_found, '[]')::text as match_found
from (
    select * from caudal.transaction where space_id = %(space_id)s and transaction_id = %(transaction_id)s
    union all
    select * from caudal.transaction where space_id = %(space_id)s and into_id = %(transaction_id)s
) t
join caudal.observation_link l on l.space_id = t.space_id and l.transaction_id = t.transaction_id
join caudal.observation o on o.space_id = l.space_id and o.observation_id = l.observation_id
join caudal.source_account s on s.space_id = o.space_id and s.source_account_id = o.source_account_id
join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
join caudal.run r on r.space_id = o.space_id and r.run_id = o.run_id
order by o.seen_at, t.transaction_id, o.version

-- name: list_quarantine
-- What lies in quarantine, the latest first.
select quarantine_id, subject, place, why, raw, seen_at from caudal.quarantine
where space_id = %(space_id)s
order by seen_at desc, quarantine_id desc
limit %(limit)s

-- name: evidence
-- Booked balances told for these accounts: what the ledger must agree with; and those presumed to be. One told before the
-- source account's currency was known (XXX) has been told again in it since.
select s.account_id, b.currency, b.as_of, b.amount, b.firm, b.held_before, b.held_since, b.kind = 'presumed' as presumed
from caudal.balance b
join caudal.source_account s on s.space_id = b.space_id and s.source_account_id = b.source_account_id
where b.space_id = %(space_id)s and s.account_id = any (%(accounts)s)
    and b.kind in ('booked', 'presumed') and (b.currency <> 'XXX' or s.currency = 'XXX')
order by s.account_id, b.currency, b.as_of, b.seen_at, b.balance_id

-- name: daily_sums
-- What the ledger holds as booked on each day.
select account_id, currency, day, booked as amount
from caudal.account_day
where space_id = %(space_id)s and account_id = any (%(accounts)s) and booked_count > 0
order by account_id, currency, day

-- name: account_currencies
-- Which currencies these accounts hold, so that one without evidence is told as such.
select account_id, currency from caudal.account
where space_id = %(space_id)s and account_id = any (%(accounts)s)

-- name: proofs_due
-- A connection's accounts whose verdict is to be drawn anew.
select distinct s.account_id
from caudal.source_account s
join caudal.account a on a.space_id = s.space_id and a.account_id = s.account_id
where s.space_id = %(space_id)s and s.connection_id = %(connection_id)s and a.proof_due
order by s.account_id

-- name: replace_proofs
-- The verdicts on these accounts, as they now stand. A proof that breaks, or breaks otherwise, and one that is whole again,
-- is an event.
with settled as (
    update caudal.account set proof_due = false
    where space_id = %(space_id)s and account_id = any (%(accounts)s)
), given as (
    select * from jsonb_to_recordset(%(rows)s) as row (account_id uuid, currency text, verdict text, proven_to date,
        off_by numeric, off_since date)
), without as (
    delete from caudal.proof p
    where p.space_id = %(space_id)s and p.account_id = any (%(accounts)s) and not exists (
        select from given where given.account_id = p.account_id and given.currency = p.currency)
), written as (
    insert into caudal.proof (space_id, account_id, currency, verdict, proven_to, off_by, off_since)
    select %(space_id)s, account_id, currency, verdict, proven_to, off_by, off_since from given
    on conflict on constraint proof_pk do update set
        verdict = excluded.verdict, proven_to = excluded.proven_to, off_by = excluded.off_by,
        off_since = excluded.off_since, checked_at = now()
    returning account_id, currency, new.verdict, new.proven_to, new.off_by, new.off_since, old.verdict as before,
        old.off_by as off_before
)
insert into happened (kind, account_id, data)
select case verdict when 'off' then 'proof.broken' else 'proof.mended' end, account_id,
    jsonb_build_object('currency', currency, 'proven_to', proven_to, 'off_by', off_by::text, 'off_since', off_since)
from written
where (verdict = 'off' and off_by is distinct from off_before) or (verdict <> 'off' and before = 'off')

-- name: proofs_of
-- The verdicts for these accounts.
select p.account_id, a.name as account, p.currency, p.verdict, p.proven_to, p.off_by, p.off_since
from caudal.proof p
join caudal.account a on a.space_id = p.space_id and a.account_id = p.account_id
where p.space_id = %(space_id)s and (%(accounts)s::uuid[] is null or p.account_id = any (%(accounts)s))
order by a.name, p.currency
