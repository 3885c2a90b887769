-- Same account: what is asked, what people said of accounts, and where a source account was booked first.

set local role caudal_owner;

-- Where an account that was joined to another is found now, null where it stands by itself. It follows from the standing
-- words alone, and is kept here to be looked up.
alter table caudal.account
    add column joined_into uuid,
    add constraint account_joined_into_fk foreign key (space_id, joined_into)
        references caudal.account (space_id, account_id),
    add constraint account_joined_into_check check (joined_into <> account_id);
create index account_joined_into_index on caudal.account (joined_into, space_id) where joined_into is not null;

-- `home_id`: the account it was booked to when it was first shown. `account_id`, where it is booked now, follows from that
-- and from what is said of accounts. `overlap_seen`: what it tells was held beside what other accounts tell.
alter table caudal.source_account
    add column home_id uuid,
    add column overlap_seen boolean not null default false;
alter table caudal.source_account no force row level security;
update caudal.source_account set home_id = account_id, overlap_seen = true;
alter table caudal.source_account force row level security;
alter table caudal.source_account
    alter column home_id set not null,
    add constraint source_account_home_fk foreign key (space_id, home_id)
        references caudal.account (space_id, account_id);
create index source_account_home_index on caudal.source_account (home_id, space_id);
create index source_account_unseen_index on caudal.source_account (space_id, connection_id) where not overlap_seen;

-- What was said of accounts, kept for good. `kind`: join (`other_id` is `account_id`), part (`source_account_id`, of
-- `account_id`, is `other_id`, by itself), apart (`account_id` and `other_id` are two). `said_by`: person, or evidence: what
-- the accounts tell. `undone_at`: taken back.
create table caudal.account_decision (
    space_id uuid not null,
    decision_id uuid not null default uuidv7(),
    kind text not null,
    account_id uuid not null,
    other_id uuid not null,
    source_account_id uuid,
    said_by text not null,
    made_at timestamptz not null default now(),
    undone_at timestamptz,
    constraint account_decision_pk primary key (space_id, decision_id),
    constraint account_decision_account_fk foreign key (space_id, account_id)
        references caudal.account (space_id, account_id),
    constraint account_decision_other_fk foreign key (space_id, other_id)
        references caudal.account (space_id, account_id),
    constraint account_decision_source_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint account_decision_kind_check check (kind in ('join', 'part', 'apart')),
    constraint account_decision_source_check check ((kind = 'part') = (source_account_id is not null)),
    constraint account_decision_said_by_check check (said_by in ('person', 'evidence')),
    constraint account_decision_two_check check (account_id <> other_id)
);
create index account_decision_account_index on caudal.account_decision (account_id, space_id);
create index account_decision_other_index on caudal.account_decision (other_id, space_id);
create index account_decision_source_index on caudal.account_decision (source_account_id, space_id)
    where source_account_id is not null;

-- Two source accounts, shown by two connections, that may be of one account: a question to a person. `rule`: by what;
-- `found`: what was found, by name. `answered_by`: a person's word that they aren't.
create table caudal.account_doubt (
    space_id uuid not null,
    source_account_id uuid not null,
    candidate_id uuid not null,
    rule text not null,
    found jsonb not null,
    asked_at timestamptz not null default now(),
    answered_by uuid,
    constraint account_doubt_pk primary key (space_id, source_account_id, candidate_id),
    constraint account_doubt_source_fk foreign key (space_id, source_account_id)
        references caudal.source_account (space_id, source_account_id),
    constraint account_doubt_candidate_fk foreign key (space_id, candidate_id)
        references caudal.source_account (space_id, source_account_id),
    constraint account_doubt_answered_fk foreign key (space_id, answered_by)
        references caudal.account_decision (space_id, decision_id),
    constraint account_doubt_two_check check (source_account_id <> candidate_id)
);
create index account_doubt_source_index on caudal.account_doubt (source_account_id, space_id);
create index account_doubt_candidate_index on caudal.account_doubt (candidate_id, space_id);
create index account_doubt_answered_index on caudal.account_doubt (answered_by, space_id) where answered_by is not null;

do $$
declare
    name text;
begin
    foreach name in array array['account_decision', 'account_doubt'] loop
        execute format('alter table caudal.%I enable row level security, force row level security', name);
        execute format('create policy %I on caudal.%I to caudal_app '
                       'using (space_id = any ((select caudal.scope())::uuid[])) '
                       'with check (space_id = any ((select caudal.scope())::uuid[]))', name || '_scope', name);
    end loop;
end
$$;
grant select, insert, update on caudal.account_decision to caudal_app;
grant select, insert, update, delete on caudal.account_doubt to caudal_app;

reset role;
