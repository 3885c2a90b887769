-- name: note_days
-- The days whose transactions this transaction of the database changed, or made sides of transfers, say something else now.
-- All in one statement and in their order, so that two that note the same days wait for each other, and never crosswise.
insert into caudal.search_day as d (space_id, day)
select %(space_id)s, day
from (
    select day from happened where day is not null
    union
    select t.booked_on
    from happened
    cross join lateral jsonb_to_recordset(data -> 'transfers') as pair ("out" uuid, "in" uuid)
    cross join lateral (values (pair."out"), (pair."in")) side (transaction_id)
    cross join lateral (
        select each.booked_on from caudal.transaction each
        where each.space_id = %(space_id)s and each.transaction_id = side.transaction_id
        offset 0
    ) t
    where kind = 'transfers.linked'
) noted
order by day
on conflict on constraint search_day_pk do update set stale = true where not d.stale

-- name: stale_spaces
-- The spaces, of those in scope, with days that say something else than was gathered of them.
select distinct space_id from caudal.search_day where stale

-- name: take_stale_days
-- The latest days that say something else than was gathered of them. Whoever notes one from here on waits until it is
-- gathered; what is being noted just now is left for the next time.
select day from caudal.search_day
where space_id = %(space_id)s and stale
order by day desc
limit %(days_max)s
for update skip locked

-- name: gather_days
-- What these days say. In a statement of its own once they are taken: it sees what was committed until then.
with said as (
    select t.booked_on as day, t.amount, t.currency, t.category, t.transaction_id,
        caudal.folded(t.description || chr(10) || t.counterparty || chr(10) || t.reference) as text
    from unnest(%(days)s::date[]) taken (day)
    cross join lateral (
        select * from caudal.transaction each
        where each.space_id = %(space_id)s and each.booked_on = taken.day and each.gone_at is null
        offset 0
    ) t
), spoken as (
    select day, string_agg(word, ' ') as words
    from (
        select distinct day, word from said cross join lateral regexp_split_to_table(text, '\s+') word
    ) each
    group by day
), marked as (
    select day, chr(10) || string_agg(mark, chr(10)) || chr(10) as marks
    from (
        select day, caudal.amount_mark(amount) as mark from said
        union
        select day, '$' || currency from said
        union
        select day, '#' || category from said where category <> ''
        union
        select day, '=' from said
        where exists (select from caudal.transfer f where f.out_id = transaction_id and f.space_id = %(space_id)s)
            or exists (select from caudal.transfer f where f.into_id = transaction_id and f.space_id = %(space_id)s)
    ) each
    group by day
), bounds as (
    select day, min(abs(amount)) as smallest, max(abs(amount)) as largest from said group by day
)
update caudal.search_day d set
    stale = false, words = coalesce(spoken.words, ''), marks = coalesce(marked.marks, ''),
    smallest = coalesce(bounds.smallest, 0), largest = coalesce(bounds.largest, 0)
from unnest(%(days)s::date[]) taken (day)
left join spoken on spoken.day = taken.day
left join marked on marked.day = taken.day
left join bounds on bounds.day = taken.day
where d.space_id = %(space_id)s and d.day = taken.day

-- name: steer_listing
-- Until this transaction ends: newest first along indexes, and no further than a page needs. The planner, which can't know
-- what is searched for, would else now and then gather a whole space to sort it (`enable_sort`: day by day is left).
select set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_material', 'off', true), set_config('jit', 'off', true),
    set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: list_by_account
-- The next transactions of some accounts, the latest first, as far as days limit them.
select t.transaction_id, t.booked_on, true as fits, false as last
from unnest(%(accounts)s::uuid[]) asked (account_id)
cross join lateral (
    select each.transaction_id, each.booked_on
    from caudal.transaction each
    where each.account_id = asked.account_id and each.space_id = %(space_id)s and each.gone_at is null
        and each.booked_on between coalesce(%(start)s::date, '-infinity') and coalesce(%(end)s::date, 'infinity')
        and (%(after_on)s::date is null or (each.booked_on, each.transaction_id) < (%(after_on)s, %(after_id)s::uuid))
    order by each.booked_on desc, each.transaction_id desc
    limit %(limit)s
) t
order by t.booked_on desc, t.transaction_id desc
limit %(limit)s

-- name: list_by_day
-- The next transactions that fit, the latest first, of the days that say what is asked for. After as many as may be looked at
-- the last of them is told whether it fits or not: there the next page goes on. Each `offset 0` keeps the order
-- of looking: days first, then their transactions.
with sought as materialized (
    select coalesce(array_agg('%%' || regexp_replace(caudal.folded(term), '([\\%%_])', '\\\1', 'g') || '%%'), '{}') as patterns
    from unnest(%(terms)s::text[]) term
), sought_numbers as materialized (
    select coalesce(jsonb_agg(jsonb_build_object('term', caudal.folded(term), 'value', abs(value),
            'mark', substr(caudal.amount_mark(value), 2) || chr(10))), '[]') as numbers,
        count(*) > 0 as asked
    from unnest(%(numbers)s::text[], %(values)s::numeric[]) number (term, value)
), pending_days as (
    select t.booked_on
    from caudal.account a
    cross join lateral (
        select each.booked_on from caudal.transaction each
        where each.account_id = a.account_id and each.space_id = a.space_id and each.status = 'pending'
            and each.gone_at is null
        offset 0
    ) t
    where a.space_id = %(space_id)s
)
select transaction_id, booked_on, fits, place = %(examined_max)s as last
from (
    select near.transaction_id, near.booked_on, row_number() over latest as place,
        coalesce(
        (%(accounts)s::uuid[] is null or near.account_id = any (%(accounts)s))
        and (%(amount_min)s::numeric is null or abs(near.amount) >= %(amount_min)s)
        and (%(amount_max)s::numeric is null or abs(near.amount) <= %(amount_max)s)
        and (%(direction)s::text is null or (near.amount < 0) = (%(direction)s = 'out'))
        and (%(currency)s::text is null or near.currency = %(currency)s)
        and (%(status)s::text is null or near.status = %(status)s)
        and (%(category)s::text is null or near.category = %(category)s)
        and (%(transfer)s::boolean is null or %(transfer)s = (
            exists (select from caudal.transfer f where f.out_id = near.transaction_id and f.space_id = near.space_id)
            or exists (select from caudal.transfer f where f.into_id = near.transaction_id and f.space_id = near.space_id)))
        and ((select patterns from sought) = '{}' or caudal.folded(near.text) like all ((select patterns from sought)::text[]))
        and (not (select asked from sought_numbers) or not exists (
            select from jsonb_to_recordset((select numbers from sought_numbers)) as number (term text, value numeric)
            where abs(near.amount) <> number.value and position(number.term in caudal.folded(near.text)) = 0)), false) as fits
    from (
        select d.day as booked_on, t.*
        from (
            select day from caudal.search_day d
            where d.space_id = %(space_id)s and d.day <= coalesce(%(after_on)s::date, 'infinity')
                and d.day between coalesce(%(start)s::date, '-infinity') and coalesce(%(end)s::date, 'infinity')
                and (%(status)s::text is distinct from 'pending' or d.day in (select booked_on from pending_days))
                and (d.stale or (
                    (%(amount_min)s::numeric is null or d.largest >= %(amount_min)s)
                    and (%(amount_max)s::numeric is null or d.smallest <= %(amount_max)s)
                    and d.marks like all (%(marks)s::text[])
                    and (%(amount_marks)s::text[] = '{}' or d.marks like any (%(amount_marks)s::text[]))
                    and ((select patterns from sought) = '{}' or d.words like all ((select patterns from sought)::text[]))
                    and (not (select asked from sought_numbers) or not exists (
                        select
                        from jsonb_to_recordset((select numbers from sought_numbers)) as number (term text, mark text)
                        where position(number.mark in d.marks) = 0 and position(number.term in d.words) = 0))))
            order by day desc
            offset 0
        ) d
        cross join lateral (
            select each.space_id, each.transaction_id, each.account_id, each.amount, each.currency,
                each.status, each.category,
                each.description || chr(10) || each.counterparty || chr(10) || each.reference as text
            from caudal.transaction each
            where each.space_id = %(space_id)s and each.booked_on = d.day and each.gone_at is null
                and (%(after_on)s::date is null or d.day < %(after_on)s or each.transaction_id < %(after_id)s::uuid)
            offset 0
        ) t
        order by d.day desc, t.transaction_id desc
        limit %(examined_max)s
    ) near
    window latest as (order by near.booked_on desc, near.transaction_id desc rows unbounded preceding)
) looked_at
where fits or place = %(examined_max)s
order by booked_on desc, transaction_id desc
limit %(limit)s

-- name: listed_transactions
-- These transactions with all that a list shows of them: whom their transfers go to, and who tells of them.
select t.transaction_id, t.account_id, a.name as account, t.booked_on, t.amount, t.currency, t.status, t.description,
    t.counterparty, t.reference, t.value_on, t.category, coalesce(o.transfer_id, i.transfer_id) as transfer_id,
    coalesce(o.kind, i.kind) as transfer, coalesce(o.into_id, i.out_id) as other_side, told.sources, told.providers,
    told.edited, t.locked, t.split is not null as split
from unnest(%(transactions)s::uuid[]) asked (transaction_id)
join caudal.transaction t on t.space_id = %(space_id)s and t.transaction_id = asked.transaction_id
join caudal.account a on a.space_id = t.space_id and a.account_id = t.account_id
left join caudal.transfer o on o.space_id = t.space_id and o.out_id = t.transaction_id
left join caudal.transfer i on i.space_id = t.space_id and i.into_id = t.transaction_id
cross join lateral (
    select count(distinct s.source_account_id) as sources,
        coalesce(array_agg(distinct c.provider) filter (where c.provider is not null), '{}') as providers,
        coalesce(bool_or(exists (select from caudal.decision d
            where d.transaction_id = strand.transaction_id and d.space_id = t.space_id and d.undone_at is null
                and d.kind = 'edit')), false) as edited
    from (
        select t.transaction_id
        union all
        (
            select other.transaction_id from caudal.transaction other
            where other.into_id = t.transaction_id and other.space_id = t.space_id
            offset 0
        )
    ) strand
    left join lateral (
        select seen.source_account_id
        from caudal.observation_link l
        join caudal.observation seen on seen.space_id = l.space_id and seen.observation_id = l.observation_id
        where l.space_id = t.space_id and l.transaction_id = strand.transaction_id
        offset 0
    ) link on true
    left join caudal.source_account s on s.space_id = t.space_id and s.source_account_id = link.source_account_id
    left join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
) told
order by t.booked_on desc, t.transaction_id desc

-- name: months_of_money
-- What came in and went out, by month and currency. Not what moved between own accounts, nor what is still pending. Added
-- up by day first, in the order of the index.
select date_trunc('month', day::timestamp)::date as month, currency, sum(came) as came, sum(went) as went
from (
    select t.booked_on as day, t.currency, coalesce(sum(t.amount) filter (where t.amount > 0), 0) as came,
        coalesce(-sum(t.amount) filter (where t.amount < 0), 0) as went
    from caudal.transaction t
    where t.space_id = %(space_id)s and t.gone_at is null and t.status = 'booked'
        and t.booked_on >= %(start)s and t.booked_on < %(end)s
        and t.transaction_id not in (select f.out_id from caudal.transfer f where f.space_id = %(space_id)s)
        and t.transaction_id not in (select f.into_id from caudal.transfer f where f.space_id = %(space_id)s)
    group by t.booked_on, t.currency
) each
group by 1, 2
order by 1 desc, 2

-- name: balance_days
-- What the ledger holds on an account at the end of each day on which that changed, and of the first and last one asked for.
with days as (
    select currency, day, sum(booked) over (partition by currency order by day) as held
    from caudal.account_day
    where space_id = %(space_id)s and account_id = %(account_id)s and day <= %(end)s
)
select currency, day, held from days where day >= %(start)s
union
select currency, %(start)s::date, held
from (select distinct on (currency) currency, held from days where day <= %(start)s order by currency, day desc) before
union
select currency, %(end)s::date, held
from (select distinct on (currency) currency, held from days order by currency, day desc) latest
order by currency, day

-- name: net_days
-- What the ledger holds on all accounts together, by currency, at the end of each day on which that changed, and of the first
-- one asked for.
with moved as (
    select currency, greatest(day, %(start)s::date) as day, sum(booked) as booked
    from caudal.account_day
    where space_id = %(space_id)s and day <= %(end)s
    group by 1, 2
)
select currency, day, sum(booked) over (partition by currency order by day) as held
from moved
order by day, currency
