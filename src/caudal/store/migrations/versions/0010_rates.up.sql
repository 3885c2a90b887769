-- Rates and prices of any source, each kept beside the others; how far each source was asked; the currency of a space.

set local role caudal_owner;

-- In which currency a space's accounts are valued. Nothing that is booked depends on it.
alter table caudal.space
    add column currency text,
    add constraint space_currency_check check (currency <> '');

-- Two sources may tell of one pair and day. `via`: the currency it was crossed through, '' where the source itself tells it.
-- `fresh`: the transfers of that day were not judged by it yet.
alter table caudal.fx_rate
    add column via text not null default '',
    add column fetched_at timestamptz not null default now(),
    add column fresh boolean not null default false,
    drop constraint fx_rate_pk,
    add constraint fx_rate_pk primary key (base, quote, day, source);
create index fx_rate_fresh_index on caudal.fx_rate (day) where fresh;

-- What a price was: how many of `currency` one of `asset` was worth at the end of `day` (UTC). Of no space.
create table caudal.price (
    asset text not null,
    currency text not null,
    day date not null,
    price numeric not null,
    source text not null,
    fetched_at timestamptz not null default now(),
    constraint price_pk primary key (asset, currency, day, source),
    constraint price_check check (price >= 0 and price < 'Infinity' and asset <> currency)
);

-- What a source told before it corrected itself: a rate, or the price of an asset.
create table caudal.rate_corrected (
    base text not null,
    quote text not null,
    day date not null,
    source text not null,
    told numeric not null,
    fetched_at timestamptz not null,
    corrected_at timestamptz not null default now()
);
create index rate_corrected_index on caudal.rate_corrected (base, quote, day);

-- The days a source was asked for, of a currency or an asset: all it holds of them is kept.
create table caudal.rate_asked (
    source text not null,
    subject text not null,
    first_day date not null,
    last_day date not null,
    asked_at timestamptz not null default now(),
    constraint rate_asked_pk primary key (source, subject),
    constraint rate_asked_check check (first_day <= last_day)
);

do $$
declare
    name text;
begin
    foreach name in array array['price', 'rate_corrected', 'rate_asked'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using ((select caudal.is_engine())) with check ((select caudal.is_engine()))',
                       name || '_engine', name);
        execute format('create policy %I on caudal.%I for select to caudal_app using (true)', name || '_read', name);
    end loop;
end
$$;
grant select, insert, update, delete on caudal.price, caudal.rate_asked to caudal_app;
grant select, insert on caudal.rate_corrected to caudal_app;

reset role;
