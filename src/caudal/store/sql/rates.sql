-- name: write_rates
-- What a source told: what is new, and what it now tells otherwise; that is kept in rate_corrected as it was. Returns what
-- it was told of each.
with told as (
    select distinct on (base, quote, day) base, quote, day, rate, source
    from jsonb_to_recordset(%(rows)s) as row (base text, quote text, day date, rate numeric, source text)
    order by base, quote, day
), corrected as (
    insert into caudal.rate_corrected (base, quote, day, source, told, fetched_at)
    select f.base, f.quote, f.day, f.source, f.rate, f.fetched_at
    from caudal.fx_rate f
    join told on (told.base, told.quote, told.day, told.source) = (f.base, f.quote, f.day, f.source)
    where f.rate <> told.rate
)
insert into caudal.fx_rate as f (base, quote, day, rate, source, fresh)
select base, quote, day, rate, source, true from told
on conflict on constraint fx_rate_pk do update set rate = excluded.rate, fetched_at = now(), fresh = true
where f.rate <> excluded.rate
returning base, quote, day

-- name: cross_rates
-- What these currencies were worth in one another by a source that tells of a third alone, on the days from `first` on.
insert into caudal.fx_rate as f (base, quote, day, rate, source, via, fresh)
select one.quote, other.quote, one.day, round(other.rate / one.rate, 30), one.source, one.base, true
from caudal.fx_rate one
join caudal.fx_rate other on (other.base, other.day, other.source) = (one.base, one.day, one.source)
where one.base = %(via)s and one.source = %(source)s and one.via = '' and other.via = '' and one.day >= %(first)s
    and one.quote = any (%(currencies)s) and other.quote = any (%(currencies)s) and one.quote < other.quote
on conflict on constraint fx_rate_pk do update set rate = excluded.rate, fetched_at = now(), fresh = true
where f.rate <> excluded.rate

-- name: write_prices
-- The same of prices. What a price of a day that wasn't over became is no correction.
with told as (
    select distinct on (asset, currency, day) asset, currency, day, price, source
    from jsonb_to_recordset(%(rows)s) as row (asset text, currency text, day date, price numeric, source text)
    order by asset, currency, day
), corrected as (
    insert into caudal.rate_corrected (base, quote, day, source, told, fetched_at)
    select p.asset, p.currency, p.day, p.source, p.price, p.fetched_at
    from caudal.price p
    join told on (told.asset, told.currency, told.day, told.source) = (p.asset, p.currency, p.day, p.source)
    where p.price <> told.price and p.source not like '%%-spot'
)
insert into caudal.price as p (asset, currency, day, price, source)
select asset, currency, day, price, source from told
on conflict on constraint price_pk do update set price = excluded.price, fetched_at = now()
where p.price <> excluded.price

-- name: note_asked
-- That a source was asked for these days of these; days in between two stretches were then asked for too.
insert into caudal.rate_asked as a (source, subject, first_day, last_day)
select %(source)s, subject, %(first)s, %(last)s from unnest(%(subjects)s::text[]) subject
on conflict on constraint rate_asked_pk do update
set first_day = least(a.first_day, excluded.first_day), last_day = greatest(a.last_day, excluded.last_day),
    asked_at = now()

-- name: rates_asked
-- For which days each source was asked, of what.
select source, subject, first_day, last_day, asked_at from caudal.rate_asked

-- name: rates_between
-- Every rate that a source itself told of these days. Crosses are made where they are needed.
select base, quote, day, rate, source, via from caudal.fx_rate
where via = '' and day between %(first)s and %(last)s

-- name: prices_between
-- Every price told of these days.
select asset, currency, day, price, source from caudal.price where day between %(first)s and %(last)s

-- name: currencies_of_space
-- Which currencies and assets the space's accounts hold, each since when; with its own, if it has one.
select currency, min(first_on) as since
from (
    select d.currency, min(d.day) as first_on
    from caudal.account_day d
    where d.space_id = %(space_id)s
    group by d.currency
    union all
    select s.currency, current_date from caudal.space s where s.space_id = %(space_id)s and s.currency is not null
) held
group by currency

-- name: rates_fresh
-- What the transfers were not judged by yet: between which days, of which currencies.
select min(day) as first, max(day) as last, array_agg(distinct base) || array_agg(distinct quote) as currencies,
    now() as seen_at
from caudal.fx_rate
where fresh
having count(*) > 0

-- name: rates_judged
-- The transfers were judged by these.
update caudal.fx_rate set fresh = false
where fresh and day between %(first)s and %(last)s and fetched_at <= %(seen_at)s

-- name: movements_unpaired
-- Movements of these days in one of these currencies that are no side of a transfer yet, after one of them.
select t.transaction_id, t.booked_on
from caudal.transaction t
where t.space_id = %(space_id)s and t.booked_on between %(first)s and %(last)s and t.currency = any (%(currencies)s)
    and (t.booked_on, t.transaction_id) > (%(after_day)s, %(after_id)s)
    and t.gone_at is null and t.into_id is null
    and not exists (select from caudal.transfer f where f.out_id = t.transaction_id and f.space_id = t.space_id)
    and not exists (select from caudal.transfer f where f.into_id = t.transaction_id and f.space_id = t.space_id)
order by t.booked_on, t.transaction_id
limit %(most)s

-- name: space_currency
-- In which currency the space is valued.
select currency from caudal.space where space_id = %(space_id)s

-- name: set_space_currency
-- From now on it is valued in this one.
update caudal.space set currency = %(currency)s where space_id = %(space_id)s
