-- name: server_version
-- Which PostgreSQL answers.
select current_setting('server_version_num')::int as number, current_setting('server_version') as text

-- name: migration_table
-- Whether any migration has run.
select to_regclass('public.caudal_migration')::text as name

-- name: migration_revision
-- The revision the schema stands at.
select version_num as revision from public.caudal_migration

-- name: broken_links
-- Observations without a transaction, and transactions without an observation: there must be none.
select
    (select count(*) from caudal.observation o where o.space_id = %(space_id)s and not exists
        (select from caudal.observation_link l
        where l.space_id = o.space_id and l.observation_id = o.observation_id)) as unlinked_observations,
    (select count(*) from caudal.transaction t where t.space_id = %(space_id)s and not exists
        (select from caudal.observation_link l
        where l.space_id = t.space_id and l.transaction_id = t.transaction_id)) as unfounded_transactions

-- name: strayed_transactions
-- Transactions that do not say what the observation they follow says, or follow one that isn't theirs, or isn't the
-- latest of its chain that is: there must be none.
select count(*) as strayed
from caudal.transaction t
left join lateral (
    select * from caudal.observation each
    where each.space_id = t.space_id and each.observation_id = t.follows
    offset 0
) o on true
left join lateral (
    select each.transaction_id from caudal.observation_link each
    where each.space_id = t.space_id and each.observation_id = t.follows
    offset 0
) l on true
where t.space_id = %(space_id)s and (
    (t.amount, t.currency, t.booked_on, t.status, t.gone_at is not null, t.transaction_id)
    is distinct from (o.amount, o.currency, o.booked_on, o.status, o.gone, l.transaction_id)
    or exists (select from caudal.observation later
        join caudal.observation_link theirs
            on theirs.space_id = later.space_id and theirs.observation_id = later.observation_id
        where later.space_id = o.space_id and later.source_account_id = o.source_account_id
            and later.provider_id = o.provider_id and later.version > o.version
            and theirs.transaction_id = t.transaction_id))

-- name: strayed_days
-- Days of accounts that do not add up from their transactions: there must be none.
with days as (
    select account_id, currency, coalesce(entered_on, booked_on) as day,
        coalesce(sum(amount) filter (where status = 'booked'), 0) as booked,
        count(*) filter (where status = 'booked') as booked_count,
        count(*) filter (where status = 'pending') as pending_count
    from caudal.transaction
    where space_id = %(space_id)s and gone_at is null
    group by 1, 2, 3
)
select count(*) as strayed
from days
full join (select * from caudal.account_day where space_id = %(space_id)s) kept
    using (account_id, currency, day)
where (coalesce(days.booked, 0), coalesce(days.booked_count, 0), coalesce(days.pending_count, 0))
    is distinct from (coalesce(kept.booked, 0), coalesce(kept.booked_count, 0), coalesce(kept.pending_count, 0))

-- name: unfinished_runs
-- Runs that began and never ended: a process died in them. Their pages are safe; importing again finishes them.
select count(*) as unfinished from caudal.run where space_id = %(space_id)s and outcome = 'running'

-- name: catalogue
-- The schema as the server has it: tables, columns, constraints, indexes, policies, rights, functions.
select line from (
    select 1 as part, c.relname as thing, a.attnum::int as place,
        format('table %%s: column %%s %%s%%s%%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = to_regnamespace('caudal') and a.attnum > 0 and not a.attisdropped
    union all
    select 2, c.relname, 0, format('table %%s: constraint %%s %%s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    where c.relnamespace = to_regnamespace('caudal') and k.contype <> 'n'
    union all
    select 3, tablename, 0, format('table %%s: index %%s', tablename, indexdef)
    from pg_indexes where schemaname = 'caudal'
    union all
    select 4, tablename, 0, format('table %%s: policy %%s for %%s to %%s using %%s check %%s', tablename, policyname, cmd,
        roles::text, qual, with_check)
    from pg_policies where schemaname = 'caudal'
    union all
    select 5, c.relname, 0, format('table %%s: row security %%s, forced %%s, owned by %%s', c.relname, c.relrowsecurity,
        c.relforcerowsecurity, pg_get_userbyid(c.relowner))
    from pg_class c where c.relnamespace = to_regnamespace('caudal') and c.relkind in ('r', 'p')
    union all
    select 6, table_name, 0, format('table %%s: %%s may %%s', table_name, grantee,
        string_agg(lower(privilege_type), ', ' order by privilege_type))
    from information_schema.role_table_grants
    where table_schema = 'caudal' and grantee <> grantor
    group by table_name, grantee
    union all
    select 7, proname, 0, format('function %%s: %%s', proname, pg_get_function_result(oid))
    from pg_proc where pronamespace = to_regnamespace('caudal')
) described
order by thing, part, place, line
