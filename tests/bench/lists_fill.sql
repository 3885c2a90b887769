-- A space with twenty accounts and ten years of life, as one bank would have told it, written as a superuser, set by set. The
-- days say nothing yet: they are gathered by what is measured.
insert into caudal.space (space_id, name) values (%(space)s, 'big');

insert into caudal.connection (space_id, connection_id, provider, label, state)
values (%(space)s, %(space)s, 'plaid', 'bank', 'active');

insert into caudal.account (space_id, account_id, name, kind, currency)
select %(space)s, overlay(%(space)s::text placing lpad(n::text, 4, '0') from 1 for 4)::uuid, 'Account ' || n, 'checking', 'EUR'
from generate_series(1, 20) n;

insert into caudal.source_account
    (space_id, source_account_id, connection_id, account_id, home_id, reference, name, kind, currency)
select space_id, account_id, %(space)s, account_id, account_id, name, name, kind, currency from caudal.account;

insert into caudal.run (space_id, run_id, connection_id) values (%(space)s, %(space)s, %(space)s);

create temporary table life as
select uuidv7() as transaction_id, uuidv7() as observation_id, n,
    overlay(%(space)s::text placing lpad((1 + n %% 20)::text, 4, '0') from 1 for 4)::uuid as account_id,
    case when n > %(count)s - 40 then 'pending' else 'booked' end as status,
    case when n %% 11 = 0 then 1 else -1 end * round(exp(random() * 8)::numeric, 2) as amount,
    case when n %% 50000 = 7 then 'USD' else 'EUR' end as currency,
    %(first)s::date + (n::bigint * %(days)s / %(count)s)::int as booked_on,
    'CARD PAYMENT TO MERCHANT' || merchant || ' ' || (1000 + random() * 8999)::int || ' '
        || (array['LONDON GB', 'AUSTIN TX', 'LEEDS GB', 'BOISE ID'])[1 + n %% 4]
        || case when n %% (%(count)s / 10) = 5 then ' Zebra Café' else '' end as description,
    'Merchant ' || merchant as counterparty, case when n %% 3 = 0 then 'food' else '' end as category
from generate_series(1, %(count)s) n
-- Some merchants often, most seldom; drawn anew for each row.
cross join lateral (select (power(random(), 3) * %(merchants)s + n * 0)::int as merchant) chosen;

insert into caudal.observation
    (space_id, observation_id, source_account_id, provider_id, version, run_id, status, amount, currency, booked_on,
    description, counterparty, reference, category, raw)
select %(space)s, observation_id, account_id, n::text, 1, %(space)s, status, amount, currency, booked_on, description,
    counterparty, '', category, ''
from life;

insert into caudal.transaction
    (space_id, transaction_id, account_id, follows, status, amount, currency, booked_on, description, counterparty,
    reference, category)
select %(space)s, transaction_id, account_id, observation_id, status, amount, currency, booked_on, description,
    counterparty, '', category
from life;

insert into caudal.observation_link (space_id, observation_id, transaction_id, rule)
select %(space)s, observation_id, transaction_id, 'provider_id' from life;

insert into caudal.account_day (space_id, account_id, currency, day, booked, booked_count, pending_count)
select %(space)s, account_id, currency, booked_on, coalesce(sum(amount) filter (where status = 'booked'), 0),
    count(*) filter (where status = 'booked'), count(*) filter (where status = 'pending')
from life
group by account_id, currency, booked_on;

insert into caudal.transfer (space_id, out_id, into_id, kind, day_gap, weight, found, said)
select %(space)s, o.transaction_id, i.transaction_id, 'own_transfer', 0, 100, '[]', false
from life o
join life i on i.n = o.n + 1
where o.n %% 1100 = 10 and o.amount < 0 and i.amount > 0;

insert into caudal.search_day (space_id, day) select distinct %(space)s::uuid, booked_on from life;

drop table life;

vacuum analyze;
