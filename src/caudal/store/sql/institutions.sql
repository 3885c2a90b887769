-- name: replace_institutions
-- What a provider offers now, in place of what it offered before. Returns how many those are.
with told as (
    select distinct on (reference) reference, name, countries, working, investments_only, login
    from rows from (jsonb_to_recordset(%(rows)s) as (reference text, name text, countries text[], working boolean,
        investments_only boolean, login text)) with ordinality
        as row (reference, name, countries, working, investments_only, login, place)
    order by reference, place desc
), gone as (
    delete from caudal.institution_offered o
    where o.provider = %(provider)s and not exists (select from told where told.reference = o.reference)
)
insert into caudal.institution_offered as o (provider, reference, name, countries, working, investments_only, login)
select %(provider)s, reference, name, countries, working, investments_only, login
from told
on conflict on constraint institution_offered_pk do update set name = excluded.name, countries = excluded.countries,
    working = excluded.working, investments_only = excluded.investments_only, login = excluded.login,
    listed_at = now()

-- name: institutions_listed
-- When each provider was last asked for all of its own.
select provider, max(listed_at) as at
from caudal.institution_offered
group by provider

-- name: find_institutions
-- Those whose name holds every word, those that begin with the first before those that have it at the beginning of another
-- word; after `after`, in that order. Some ten thousand rows at most, read through.
with wanted as (
    select string_to_array(trim(regexp_replace(caudal.folded(%(text)s), '\s+', ' ', 'g')), ' ') as words
), found as (
    select o.provider, o.reference, o.name, o.folded, o.countries, o.working, o.investments_only, o.login,
        case when cardinality(w.words) = 0 or starts_with(o.folded, w.words[1]) then 0
            when position(' ' || w.words[1] in o.folded) > 0 then 1 else 2 end as place
    from caudal.institution_offered o
    cross join wanted w
    where o.provider = any (%(providers)s::text[])
        and (%(country)s::text is null or %(country)s = any (o.countries))
        and not exists (select from unnest(w.words) as each (word) where position(word in o.folded) = 0)
)
select provider, reference, name, folded, countries, working, investments_only, login, place
from found
where %(after)s::jsonb is null
    or (place, folded, provider, reference) > ((%(after)s::jsonb ->> 0)::integer, %(after)s::jsonb ->> 1,
        %(after)s::jsonb ->> 2, %(after)s::jsonb ->> 3)
order by place, folded, provider, reference
limit %(limit)s

-- name: institution_countries
-- Where these providers offer any, and how many.
select country, count(*) as institutions
from caudal.institution_offered o
cross join lateral unnest(o.countries) as country
where o.provider = any (%(providers)s::text[])
group by country
order by country

-- name: institution_offered
-- One of them.
select provider, reference, name, folded, countries, working, investments_only, login, 0 as place
from caudal.institution_offered
where provider = %(provider)s and reference = %(reference)s
