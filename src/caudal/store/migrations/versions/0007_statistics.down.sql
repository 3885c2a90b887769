-- Statistics are the database's own: what it was told stays until it knows better.
select 1;
