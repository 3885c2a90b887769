-- Without statistics the planner takes one row in 200 to be of a given space, and looks a record up along all records of
-- its space rather than by the index that finds it: a page then costs as much as the ledger is long. It is told what is
-- true of most installations, until it knows better: that all are of one space.

set local role caudal_owner;

do $$
declare
    name text;
begin
    for name in
        select c.relname from pg_catalog.pg_class c
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'space_id'
        where c.relnamespace = 'caudal'::regnamespace and c.relkind = 'r' and c.reltuples <= 0
    loop
        perform pg_catalog.pg_restore_attribute_stats(
            'schemaname', 'caudal', 'relname', name, 'attname', 'space_id', 'inherited', false,
            'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real);
    end loop;
end
$$;

reset role;
