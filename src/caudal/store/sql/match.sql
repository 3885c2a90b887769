-- name: matching_needed
-- Of these accounts, those where what a page told may be of a movement that is told of already: several sources tell of
-- them, or something of theirs is pending or vanished, or a person spoke of it.
select a.account_id
from caudal.account a
cross join lateral (
    select count(*) as told_by, bool_or(pending.is_there) as pending, bool_or(gone.is_there) as gone
    from (
        select s.source_account_id, s.withdraws, s.lists from caudal.source_account s
        where s.account_id = a.account_id and s.space_id = a.space_id
        offset 0
    ) source
    left join lateral (
        select true as is_there from caudal.transaction t
        where t.account_id = a.account_id and t.space_id = a.space_id and t.status = 'pending' and t.gone_at is null
        limit 1
    ) pending on not source.withdraws and not source.lists
    left join lateral (
        select true as is_there from caudal.observation o
        where o.source_account_id = source.source_account_id and o.space_id = a.space_id and o.gone
        limit 1
    ) gone on not source.withdraws
) sources
where a.space_id = %(space_id)s and a.account_id = any (%(accounts)s) and (
    sources.told_by > 1 or sources.pending or sources.gone
    or exists (select from resolved r
        cross join lateral (
            select t.concluded from caudal.transaction t
            where t.space_id = a.space_id and t.transaction_id = r.transaction_id
            offset 0
        ) t
        where r.account_id = a.account_id and t.concluded)
)

-- name: lock_accounts
-- Who concludes about an account is alone with it. In the order of their ids, so that two never wait crosswise.
select from caudal.account
where space_id = %(space_id)s and account_id = any (%(accounts)s)
order by account_id
for update

-- name: neighbourhood
-- What this page told (and `seeds`, and what is pending by the word of connections that have ended), with all that may be
-- of the same movements, and all that may be of those: each as its source tells it now, looked around from once. `ended`:
-- its connection has, while another tells of the account on. What stands alone is left out, unless it is a seed or was a
-- conclusion. Of what the successor of an ended connection tells no more: with all else of that day, for the bank may have
-- corrected it.
with recursive corrected as materialized (
    select distinct same_day.transaction_id
    from resolved
    cross join lateral (
        select t.transaction_id from caudal.transaction t
        where t.account_id = resolved.account_id and t.space_id = %(space_id)s and t.booked_on = resolved.booked_on
        limit 200
    ) same_day
    where resolved.rule = 'successor_tells_not' and resolved.account_id = any (%(accounts)s)
), seed as (
    select transaction_id from resolved where account_id = any (%(accounts)s)
    union
    select transaction_id from corrected
    union
    select unnest(%(seeds)s::uuid[])
    union
    select left_over.transaction_id
    from caudal.source_account ended
    join caudal.connection c on c.space_id = ended.space_id and c.connection_id = ended.connection_id
        and c.state = 'revoked'
    cross join lateral (
        select t.transaction_id, t.follows from caudal.transaction t
        where t.account_id = ended.account_id and t.space_id = ended.space_id and t.status = 'pending'
            and t.gone_at is null
        offset 0
    ) left_over
    cross join lateral (
        select o.source_account_id from caudal.observation o
        where o.space_id = ended.space_id and o.observation_id = left_over.follows
        offset 0
    ) head
    where ended.account_id = any (%(accounts)s) and ended.space_id = %(space_id)s
        and head.source_account_id = ended.source_account_id
), near as materialized (
    select seed.transaction_id as one, n.other
    from seed
    cross join lateral caudal.neighbours(%(space_id)s, seed.transaction_id, %(units)s) n (other)
), reach as (
    select transaction_id, transaction_id in (select transaction_id from seed) as looked
    from (
        select one as transaction_id from near
        union
        select other from near
        union
        select transaction_id from corrected
        union
        select unnest(%(seeds)s::uuid[])
        union
        select seed.transaction_id
        from seed
        cross join lateral (
            select t.status from caudal.transaction t
            where t.space_id = %(space_id)s and t.transaction_id = seed.transaction_id
            offset 0
        ) t
        where t.status = 'pending'
    ) known
    union
    select n.other, n.other in (select transaction_id from seed)
    from reach
    cross join lateral caudal.neighbours(%(space_id)s, reach.transaction_id, %(units)s) n (other)
    where not reach.looked
), reached as materialized (
    select transaction_id from reach limit %(most)s
)
select t.transaction_id, t.transaction_id::text as key, t.account_id, s.source_account_id::text as source_key, c.provider,
    c.institution_id, s.created_at as source_since, s.withdraws, s.lists, o.gone as withdrawn,
    o.gone or (going.ended and o.status = 'pending') as gone, o.status, o.amount, o.currency, o.booked_on, o.entered_on,
    o.value_on, o.authorized_on, o.occurred_at, o.description, o.counterparty, o.reference, o.category, told.days,
    told.texts, told.amounts, told.pending_on, going.ended, told.first_told,
    (1000000 * extract(epoch from o.seen_at))::bigint as "order"
from reached
cross join lateral (
    select * from caudal.transaction each
    where each.space_id = %(space_id)s and each.transaction_id = reached.transaction_id
    offset 0
) t
cross join lateral (
    select * from caudal.observation each
    where each.space_id = %(space_id)s and each.observation_id = t.follows
    offset 0
) o
cross join lateral (
    select * from caudal.source_account each
    where each.space_id = %(space_id)s and each.source_account_id = o.source_account_id
    offset 0
) s
cross join lateral (
    select * from caudal.connection each
    where each.space_id = %(space_id)s and each.connection_id = s.connection_id
    offset 0
) c
cross join lateral (
    select c.state = 'revoked' and exists (
        select from caudal.source_account live
        join caudal.connection on_ on on_.space_id = live.space_id and on_.connection_id = live.connection_id
        where live.account_id = t.account_id and live.space_id = %(space_id)s and live.gone_at is null
            and on_.state <> 'revoked' and on_.provider not in ('file', 'manual')) as ended
    offset 0
) going
cross join lateral (
    select array_agg(each.booked_on) || array_agg(each.authorized_on)
            filter (where each.authorized_on is not null) as days,
        array_agg(each.description) filter (where each.description <> '')
            || array_agg(each.counterparty) filter (where each.counterparty <> '') as texts,
        min(each.booked_on) filter (where each.status = 'pending') as pending_on,
        array_agg(each.amount) filter (where each.status = 'booked') as amounts,
        (1000000 * extract(epoch from min(each.seen_at)))::bigint as first_told
    from (
        select l.observation_id from caudal.observation_link l
        where l.space_id = %(space_id)s and l.transaction_id = t.transaction_id
        offset 0
    ) link
    cross join lateral (
        select * from caudal.observation one
        where one.space_id = %(space_id)s and one.observation_id = link.observation_id
        offset 0
    ) each
) told
order by t.transaction_id

-- name: decisions_on
-- What a person said of these transactions as movements and stands, in the order it was said.
with asked as (
    select unnest(%(transactions)s::uuid[]) as transaction_id
), said as (
    select d.*
    from asked
    cross join lateral (
        select * from caudal.decision each
        where each.transaction_id = asked.transaction_id and each.space_id = %(space_id)s and each.undone_at is null
            and each.kind not in ('transfer', 'no_transfer')
        offset 0
    ) d
    union
    select d.*
    from asked
    cross join lateral (
        select * from caudal.decision each
        where each.other_id = asked.transaction_id and each.space_id = %(space_id)s and each.undone_at is null
            and each.kind not in ('transfer', 'no_transfer')
        offset 0
    ) d
)
select decision_id, kind, transaction_id, other_id, data::text as data
from said
order by made_at, decision_id

-- name: conclude_transactions
-- What these transactions are concluded to be (what of one isn't told is null, '' or false). What that changes is added up in the account's days, and told as events in
-- place of what this transaction of the database had noted of them (found by hashing, each `in` being one: an index on
-- `happened` would have every statement that names it planned anew). Returns how many of those it had newly founded were
-- taken for others.
with told as (
    select transaction_id, into_id, coalesce(concluded, false) as concluded, rule, weight, found, status, amount, currency,
        booked_on, entered_on, value_on, authorized_on, occurred_at, coalesce(description, '') as description,
        coalesce(counterparty, '') as counterparty, coalesce(reference, '') as reference,
        coalesce(category, '') as category, coalesce(gone, false) as gone, coalesce(deleted, false) as deleted,
        coalesce(locked, false) as locked, split, conflict
    from jsonb_to_recordset(%(rows)s) as row (transaction_id uuid, into_id uuid, concluded boolean, rule text,
        weight integer, found jsonb, status text, amount numeric, currency text, booked_on date, entered_on date,
        value_on date, authorized_on date, occurred_at timestamptz, description text, counterparty text,
        reference text, category text, gone boolean, deleted boolean, locked boolean, split jsonb, conflict jsonb)
), written as (
    update caudal.transaction t set
        into_id = told.into_id, concluded = told.concluded, match_rule = told.rule, match_weight = told.weight,
        match_found = told.found, status = told.status, amount = told.amount, currency = told.currency,
        booked_on = told.booked_on, entered_on = told.entered_on, value_on = told.value_on,
        authorized_on = told.authorized_on, occurred_at = told.occurred_at, description = told.description,
        counterparty = told.counterparty, reference = told.reference, category = told.category,
        gone_at = case when told.gone then coalesce(t.gone_at, now()) end, deleted = told.deleted,
        locked = told.locked, split = told.split, conflict = told.conflict, updated_at = now()
    from told
    where t.space_id = %(space_id)s and t.transaction_id = told.transaction_id
        and (t.into_id, t.concluded, t.match_rule, t.match_weight, t.match_found, t.status, t.amount, t.currency,
            t.booked_on, t.entered_on, t.value_on, t.authorized_on, t.occurred_at, t.description, t.counterparty,
            t.reference, t.category, t.gone_at is not null, t.deleted, t.locked, t.split, t.conflict)
        is distinct from (told.into_id, told.concluded, told.rule, told.weight, told.found, told.status, told.amount,
            told.currency, told.booked_on, told.entered_on, told.value_on, told.authorized_on, told.occurred_at,
            told.description, told.counterparty, told.reference, told.category, told.gone, told.deleted, told.locked,
            told.split, told.conflict)
    returning t.transaction_id, new.account_id, old.into_id as old_into_id, new.into_id,
        old.gone_at is null as old_visible,
        old.currency as old_currency, coalesce(old.entered_on, old.booked_on) as old_day, old.amount as old_amount,
        old.status as old_status, new.gone_at is null as visible,
        new.currency, coalesce(new.entered_on, new.booked_on) as day, new.amount, new.status, new.booked_on
), stirring as (
    insert into stirred (transaction_id)
    select each.transaction_id
    from written
    cross join lateral (
        values (written.transaction_id), (written.into_id), (written.old_into_id)
    ) each (transaction_id)
    where each.transaction_id is not null
), named as (
    select written.*, case
            when transaction_id in (select transaction_id from happened where kind = 'transactions.removed')
                then 'transactions.removed'
            when transaction_id in (select transaction_id from happened where kind = 'transactions.settled')
                then 'transactions.settled'
            when transaction_id in (select transaction_id from happened where kind = 'transactions.updated')
                then 'transactions.updated'
            when transaction_id in (select transaction_id from happened where kind = 'transactions.created')
                then 'transactions.created'
        end as noted_as
    from written
), compared as (
    select named.*, coalesce(noted_as <> 'transactions.created', old_visible) as was_visible,
        noted_as = 'transactions.settled' as settled
    from named
), forgotten as (
    delete from happened
    where case when data is null then transaction_id in (
        select transaction_id from compared where noted_as is not null) else false end
), noted as (
    insert into happened (kind, account_id, transaction_id, day)
    select case
            when not was_visible then 'transactions.created'
            when not visible then 'transactions.removed'
            when settled or (old_status = 'pending' and status = 'booked') then 'transactions.settled'
            else 'transactions.updated'
        end, account_id, transaction_id, booked_on
    from compared
    where was_visible or visible
), moved as (
    select account_id, currency, day, status, amount, 1 as count from written where visible
    union all
    select account_id, old_currency, old_day, old_status, -old_amount, -1 from written where old_visible
), summed as (
    insert into caudal.account_day as d
        (space_id, account_id, currency, day, booked, booked_count, pending_count)
    select %(space_id)s, account_id, currency, day,
        coalesce(sum(amount) filter (where status = 'booked'), 0),
        coalesce(sum(count) filter (where status = 'booked'), 0),
        coalesce(sum(count) filter (where status = 'pending'), 0)
    from moved
    group by account_id, currency, day
    having sum(count) <> 0 or sum(amount) <> 0 or count(distinct status) > 1
    order by account_id, currency, day
    on conflict on constraint account_day_pk do update set
        booked = d.booked + excluded.booked, booked_count = d.booked_count + excluded.booked_count,
        pending_count = d.pending_count + excluded.pending_count
)
select count(*) filter (where noted_as = 'transactions.created' and not visible) as merged,
    count(*) filter (where was_visible and visible and noted_as is null)
        - count(*) filter (where not visible and noted_as in ('transactions.updated', 'transactions.settled')) as changed,
    count(*) filter (where was_visible and not visible and noted_as is distinct from 'transactions.removed')
        - count(*) filter (where visible and noted_as = 'transactions.removed') as gone
from compared

-- name: replace_doubts
-- What a person might be asked of these transactions, in place of what was asked before.
with given as (
    select * from jsonb_to_recordset(%(rows)s) as row (one_id uuid, other_id uuid, rule text, weight integer, found jsonb)
), without as (
    delete from caudal.doubt d
    where d.space_id = %(space_id)s
        and (d.one_id = any (%(transactions)s) or d.other_id = any (%(transactions)s))
        and not exists (select from given where given.one_id = d.one_id and given.other_id = d.other_id)
)
insert into caudal.doubt (space_id, one_id, other_id, rule, weight, found)
select %(space_id)s, one_id, other_id, rule, weight, found from given
on conflict on constraint doubt_pk do update set
    rule = excluded.rule, weight = excluded.weight, found = excluded.found

-- name: amend_run
-- What followed from a page belongs to the run's record of it; what it seemed to tell for the first time and was told before
-- is not new.
update caudal.run set seen = seen + %(seen)s, created = created - %(merged)s, changed = changed + %(changed)s,
    gone = gone + %(gone)s
where space_id = %(space_id)s and run_id = %(run_id)s

-- name: decide
-- A person's word on a transaction, or on two.
insert into caudal.decision (space_id, decision_id, kind, transaction_id, other_id, data)
values (%(space_id)s, %(decision_id)s, %(kind)s, %(transaction_id)s, %(other_id)s, %(data)s)

-- name: undo_decision
-- A person takes their word back. Returns what it was and of which transactions, none where it isn't there or was taken back before.
update caudal.decision set undone_at = now()
where space_id = %(space_id)s and decision_id = %(decision_id)s and undone_at is null
returning kind, transaction_id, other_id

-- name: list_decisions
-- What people said and stands, the latest first.
select d.decision_id, d.kind, d.transaction_id, d.other_id, d.data::text as data
from caudal.decision d
where d.space_id = %(space_id)s and d.undone_at is null
order by d.made_at desc, d.decision_id desc
limit %(limit)s

-- name: strands_of
-- The transactions of a movement, that which stands for it first.
select t.transaction_id, t.account_id, t.amount, t.currency, t.booked_on, t.description, t.status
from (
    select * from caudal.transaction where space_id = %(space_id)s and transaction_id = %(transaction_id)s
    union all
    select * from caudal.transaction where space_id = %(space_id)s and into_id = %(transaction_id)s
) t
order by t.into_id is not null, t.transaction_id

-- name: list_doubts
-- What a person might be asked, the likeliest first: pairs that were kept apart.
select d.one_id, d.other_id, d.rule, d.weight, d.found::text as found, a.name as account, one.booked_on, one.amount,
    one.currency, one.description, other.booked_on as other_on, other.amount as other_amount,
    other.description as other_description
from caudal.doubt d
join caudal.transaction one on one.space_id = d.space_id and one.transaction_id = d.one_id
join caudal.transaction other on other.space_id = d.space_id and other.transaction_id = d.other_id
join caudal.account a on a.space_id = one.space_id and a.account_id = one.account_id
where d.space_id = %(space_id)s and one.gone_at is null and other.gone_at is null
order by d.weight desc, d.one_id, d.other_id
limit %(limit)s

-- name: list_probable
-- What was taken for one on evidence that deserves a second look, the weakest first.
select t.into_id as one_id, t.transaction_id as other_id, t.match_rule as rule, t.match_weight as weight,
    t.match_found::text as found, a.name as account, one.booked_on, one.amount, one.currency, one.description,
    o.booked_on as other_on, o.amount as other_amount, o.description as other_description
from caudal.transaction t
join caudal.transaction one on one.space_id = t.space_id and one.transaction_id = t.into_id
join caudal.observation o on o.space_id = t.space_id and o.observation_id = t.follows
join caudal.account a on a.space_id = one.space_id and a.account_id = one.account_id
where t.space_id = %(space_id)s and t.into_id is not null and t.match_weight < %(certain)s
order by t.match_weight, t.transaction_id
limit %(limit)s

-- name: list_conflicts
-- Where a source says now what differs from what a person fixed.
select t.transaction_id, a.name as account, t.booked_on, t.amount, t.currency, t.description, t.conflict::text as conflict
from caudal.transaction t
join caudal.account a on a.space_id = t.space_id and a.account_id = t.account_id
where t.space_id = %(space_id)s and t.conflict is not null and t.gone_at is null
order by t.booked_on desc, t.transaction_id
limit %(limit)s

-- name: account_transactions
-- The next transactions of an account in the order of their founding, after one of them.
select transaction_id
from caudal.transaction
where space_id = %(space_id)s and account_id = %(account_id)s and transaction_id > %(after)s
order by transaction_id
limit %(limit)s

-- name: whole_ledger
-- Every movement of a space, those that are gone too, with all ids it was ever told under and by whom, the first first.
select t.transaction_id, a.name as account, a.kind as account_kind, t.status, t.amount, t.currency, t.booked_on,
    t.authorized_on, t.occurred_at, t.description, t.counterparty, t.reference, t.category, t.gone_at is not null as gone,
    t.deleted, t.locked, coalesce(t.split, '[]')::text as split, coalesce(t.conflict, '{}')::text as conflict,
    told.ids, told.sources, told.days, told.weight
from caudal.transaction t
join caudal.account a on a.space_id = t.space_id and a.account_id = t.account_id
cross join lateral (
    select array_agg(o.provider_id order by o.seen_at, o.observation_id) as ids,
        array_agg(c.provider order by o.seen_at, o.observation_id) as sources,
        array_agg(o.booked_on order by o.seen_at, o.observation_id) as days, min(strand.match_weight) as weight
    from caudal.transaction strand
    join caudal.observation_link l on l.space_id = strand.space_id and l.transaction_id = strand.transaction_id
    join caudal.observation o on o.space_id = l.space_id and o.observation_id = l.observation_id
    join caudal.source_account s on s.space_id = o.space_id and s.source_account_id = o.source_account_id
    join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
    where strand.space_id = t.space_id
        and (strand.transaction_id = t.transaction_id or strand.into_id = t.transaction_id)
) told
where t.space_id = %(space_id)s and t.into_id is null
order by t.transaction_id

-- name: list_twins
-- Movements that one source tells several times alike on one day, where no balance shows that they are several: each with
-- the one before it. Not what is asked as a doubt already, nor what a person said of: that both are settled, or two. So many
-- transactions are looked at, the latest.
with latest as (
    select * from caudal.transaction
    where space_id = %(space_id)s and gone_at is null
    order by booked_on desc, transaction_id desc limit %(examined)s
), alike as (
    select t.transaction_id as other_id, lag(t.transaction_id) over same as one_id, t.account_id, t.booked_on, t.amount,
        t.currency, t.description, t.locked and lag(t.locked) over same as settled
    from latest t
    left join caudal.proof p on p.space_id = t.space_id and p.account_id = t.account_id and p.currency = t.currency
    where p.proven_to is null or p.proven_to < t.booked_on
    window same as (partition by t.account_id, t.booked_on, t.amount, t.currency, t.description, t.counterparty
        order by t.transaction_id)
)
select alike.one_id, alike.other_id, 'twins' as rule, 0 as weight, '[]' as found, a.name as account, alike.booked_on,
    alike.amount, alike.currency, alike.description, alike.booked_on as other_on, alike.amount as other_amount,
    alike.description as other_description
from alike
join caudal.account a on a.space_id = %(space_id)s and a.account_id = alike.account_id
where alike.one_id is not null and not alike.settled
    and not exists (select from caudal.doubt d
        where d.space_id = %(space_id)s and (d.one_id, d.other_id)
            in ((alike.one_id, alike.other_id), (alike.other_id, alike.one_id)))
    and not exists (select from caudal.decision d
        where d.space_id = %(space_id)s and d.kind = 'apart' and d.undone_at is null and (d.transaction_id, d.other_id)
            in ((alike.one_id, alike.other_id), (alike.other_id, alike.one_id)))
order by alike.booked_on desc, alike.one_id, alike.other_id
limit %(limit)s
