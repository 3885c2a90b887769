-- Lists and searches of transactions in as much time as one looks, however many a space holds.

set local role caudal_owner;

-- The live transactions of a space by day: the order of every list.
create index transaction_day_index on caudal.transaction (space_id, booked_on, transaction_id) where gone_at is null;

-- Text as it is searched: without case, accents and what is no letter of its own. Most texts of banks are ASCII, where
-- lower case is all there is to it.
create function caudal.folded(told text) returns text
    language sql immutable parallel safe
    return case
        when octet_length(told) = length(told) then lower(told collate "C")
        else translate(regexp_replace(
            casefold(normalize(told, nfkd) collate "pg_unicode_fast"), U&'[\0300-\036F]+', '', 'g'), 'øłđı', 'oldi')
            collate "C"
    end;

-- What an amount is looked up by: its sign, a letter for the number of its digits before the point, and its digits.
create function caudal.amount_mark(amount numeric) returns text
    language sql immutable parallel safe
    return case when amount < 0 then '-' else '+' end
        || chr(64 + least(length(trunc(abs(amount))::text), 26)) || trim_scale(abs(amount))::text;

-- What the transactions of a day say, that a search may pass the day by: `words`, those of their texts, folded, each once;
-- `marks`, their amounts, currencies, categories, and '=' where one is a side of a transfer; `smallest` and `largest` of
-- their amounts, without sign. Where `stale`, transactions of the day have changed since, and it can't be passed by. Under
-- row security PostgreSQL searches no index by words: reading a line a day is how it is fast all the same.
create table caudal.search_day (
    space_id uuid not null,
    day date not null,
    stale boolean not null default true,
    words text not null default '',
    marks text not null default '',
    smallest numeric not null default 0,
    largest numeric not null default 0,
    constraint search_day_pk primary key (space_id, day),
    constraint search_day_space_fk foreign key (space_id) references caudal.space (space_id)
);
create index search_day_stale_index on caudal.search_day (space_id, day) where stale;

-- Read from end to end: beside its row as long as a page has room for it, and not compressed.
alter table caudal.search_day
    alter column words set storage external, alter column marks set storage external, set (toast_tuple_target = 8160);

-- What the days say that are there already is gathered as for new ones: by the chore.
alter table caudal.transaction no force row level security;
insert into caudal.search_day (space_id, day)
select distinct space_id, booked_on from caudal.transaction where gone_at is null;
alter table caudal.transaction force row level security;

alter table caudal.search_day enable row level security;
alter table caudal.search_day force row level security;
create policy search_day_scope on caudal.search_day to caudal_app
    using (space_id = any ((select caudal.scope())::uuid[])) with check (space_id = any ((select caudal.scope())::uuid[]));
grant select, insert, update, delete on caudal.search_day to caudal_app;

-- Until the database has statistics of its own: all its rows may be of one space (0007).
select pg_catalog.pg_restore_attribute_stats(
    'schemaname', 'caudal', 'relname', 'search_day', 'attname', 'space_id', 'inherited', false,
    'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real);

reset role;
