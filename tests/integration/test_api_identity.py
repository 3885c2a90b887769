"""Who gets in, what they may do, and when that ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec
import psycopg
import pyotp
import pytest
from tests.support.api import PASSWORD, Hub, Json, Who, at_hub
from tests.support.authenticator import Authenticator
from tests.support.books import all_rows

from caudal.hub import keys, spaces
from caudal.hub.identity import people
from caudal.settings import Settings
from caudal.vault import passwords

Work = Callable[[Hub], Awaitable[None]]


def changed(settings: Settings, sql: str) -> None:
    """Time passes, as the database's rows see it."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(sql.encode())


def test_an_installation_begins_without_anybody_and_lets_the_first_in_once(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        assert all_rows(settings.database_url, "select * from caudal.person") == []
        token = await people.first_token(at.opened)
        newcomer = {"token": token, "email": "Ana@Example.org", "name": "Ana", "password": PASSWORD}
        wrong = {**newcomer, "token": "x" * 43}
        assert await at.nobody.refused("POST", "/v1/first-owner", json=wrong) == "not_found"
        ana = at.logged_in(await at.nobody.post("/v1/first-owner", newcomer))
        assert (await ana.get("/v1/me"))["email"] == "ana@example.org"
        again = {**newcomer, "email": "eve@example.org"}
        assert await at.nobody.refused("POST", "/v1/first-owner", json=again) == "not_found"
        assert await people.first_token(at.opened) is None

    at_hub(settings, work)


def test_who_comes_first_owns_the_books_that_were_there(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        await spaces.chosen(at.opened.store, "home", make=True)
        ana = await at.owner()
        [space] = (await ana.get("/v1/spaces"))["data"]
        assert (space["name"], space["role"]) == ("home", "owner")

    at_hub(settings, work)


@pytest.mark.parametrize(
    "password", ["tiny", "123456789012", "passwordpassword"[:8] + "1234", "ana@example.org", "a" * 129]
)
def test_a_password_that_won_t_do_is_refused_with_the_reason(settings: Settings, password: str) -> None:
    async def work(at: Hub) -> None:
        token = await people.first_token(at.opened)
        newcomer = {"token": token, "email": "ana@example.org", "name": "Ana", "password": password}
        response = await at.nobody.ask("POST", "/v1/first-owner", json=newcomer)
        assert response.status_code == 409
        assert "password" in response.json()["detail"]
        assert password not in response.text

    at_hub(settings, work)


def test_a_wrong_password_and_a_wrong_e_mail_are_answered_alike(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        await at.owner()
        answers = []
        for email, password in (("ana@example.org", "not that one at all"), ("eve@example.org", PASSWORD)):
            response = await at.nobody.ask("POST", "/v1/session", json={"email": email, "password": password})
            told = response.json()
            del told["request_id"]
            answers.append((response.status_code, told))
        assert answers[0] == answers[1]
        assert answers[0][0] == 401
        assert (await at.log_in("ana@example.org"))["tokens"]

    at_hub(settings, work)


def test_who_fails_too_often_is_not_heard_and_costs_no_hash(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    fits = passwords._fits

    def counted(hashed: str, password: str) -> bool:
        computed.append(password)
        return fits(hashed, password)

    monkeypatch.setattr(passwords, "_fits", counted)

    async def work(at: Hub) -> None:
        await at.owner()
        wrong = {"email": "ana@example.org", "password": "not that one at all"}
        tries = [at.nobody.ask("POST", "/v1/session", json=wrong) for _ in range(100)]
        codes = [response.status_code for response in await asyncio.gather(*tries)]
        assert sorted(codes) == [401] * 5 + [429] * 95
        assert len(computed) == 5
        right = {"email": "ana@example.org", "password": PASSWORD}
        response = await at.nobody.ask("POST", "/v1/session", json=right)
        assert (response.status_code, len(computed)) == (429, 5)
        assert 0 < int(response.headers["retry-after"]) <= 15 * 60
        changed(settings, "update caudal.attempt set at = at - interval '16 minutes'")
        assert (await at.log_in("ana@example.org"))["tokens"]

    at_hub(settings, work)


def test_a_second_factor_is_asked_for_once_it_is_set_up_and_a_code_is_good_once(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        totp, _ = await at.second_factor(ana, steps_ago=1)
        half = await at.log_in("ana@example.org")
        assert (half["tokens"], half["second_factors"]) == (None, ["one_time_code"])
        code = totp.now()
        shown = {"token": half["second_factor_token"], "code": code}
        assert await at.nobody.post("/v1/session/second-factor", shown)
        half = await at.log_in("ana@example.org")
        again = {"token": half["second_factor_token"], "code": code}
        assert await at.nobody.refused("POST", "/v1/session/second-factor", json=again) == "unauthenticated"

    at_hub(settings, work)


def test_a_recovery_code_is_good_once_and_only_its_digest_is_kept(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        _, codes = await at.second_factor(ana)
        assert len(set(codes)) == 10
        for expected in ("in", "unauthenticated"):
            half = await at.log_in("ana@example.org")
            shown = {"token": half["second_factor_token"], "code": f" {codes[0].lower()} "}
            response = await at.nobody.ask("POST", "/v1/session/second-factor", json=shown)
            assert ("in" if response.status_code == 200 else response.json()["code"]) == expected
        assert (await ana.get("/v1/me"))["recovery_codes_left"] == 9
        kept = str(all_rows(settings.database_url, "select * from caudal.recovery_code"))
        assert all(code not in kept for code in codes)

    at_hub(settings, work)


def test_an_owner_without_a_second_factor_reads_and_changes_nothing(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        space = await at.space(ana)
        await ana.get(f"/v1/spaces/{space}/accounts")
        invited = {"email": "ben@example.org", "role": "viewer"}
        path = f"/v1/spaces/{space}/invitations"
        assert await ana.refused("POST", path, json=invited) == "second_factor_required"
        await at.second_factor(ana)
        assert await ana.post(path, invited)

    at_hub(settings, work)


def test_a_refresh_token_is_good_once_and_used_again_it_ends_the_session(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        first = ana.tokens["refresh_token"]
        asked = [at.nobody.post("/v1/session/refresh", {"refresh_token": first}) for _ in range(20)]
        followed = await asyncio.gather(*asked)
        assert len({each["refresh_token"] for each in followed}) == 1
        assert followed[0]["refresh_token"] != first
        changed(settings, "update caudal.session_token set used_at = used_at - interval '11 seconds'")
        stolen = {"refresh_token": first}
        assert await at.nobody.refused("POST", "/v1/session/refresh", json=stolen) == "unauthenticated"
        rest = {"refresh_token": followed[0]["refresh_token"]}
        assert await at.nobody.refused("POST", "/v1/session/refresh", json=rest) == "unauthenticated"
        assert await at.logged_in(followed[0]).refused("GET", "/v1/me") == "unauthenticated"

    at_hub(settings, work)


@pytest.mark.parametrize(
    "passes",
    [
        "update caudal.session_token set expires_at = now() - interval '1 second' where kind = 'access'",
        "update caudal.session set idle_at = now() - interval '1 second'",
        "update caudal.session set expires_at = now() - interval '1 second'",
        "update caudal.person set disabled_at = now()",
    ],
)
def test_a_session_ends_by_itself_and_with_its_person(settings: Settings, passes: str) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        await ana.get("/v1/me")
        changed(settings, passes)
        assert await ana.refused("GET", "/v1/me") == "unauthenticated"

    at_hub(settings, work)


def test_logging_out_is_at_once_and_everywhere_when_asked(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        others = [at.logged_in((await at.log_in("ana@example.org"))["tokens"]) for _ in range(3)]
        assert len((await ana.get("/v1/sessions"))["data"]) == 4
        assert (await others[0].ask("DELETE", "/v1/session")).status_code == 204
        assert await others[0].refused("GET", "/v1/me") == "unauthenticated"
        ended = f"/v1/sessions/{others[1].tokens['session_id']}"
        assert (await ana.ask("DELETE", ended)).status_code == 204
        assert await others[1].refused("GET", "/v1/me") == "unauthenticated"
        assert (await ana.post("/v1/sessions/end"))["sessions"] == 2
        for who in (ana, others[2]):
            assert await who.refused("GET", "/v1/me") == "unauthenticated"
            spent = {"refresh_token": who.tokens["refresh_token"]}
            assert await at.nobody.refused("POST", "/v1/session/refresh", json=spent) == "unauthenticated"

    at_hub(settings, work)


def test_a_new_password_ends_every_other_session_and_asks_for_a_fresh_proof(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        other = at.logged_in((await at.log_in("ana@example.org"))["tokens"])
        changed(settings, "update caudal.session set proved_at = now() - interval '11 minutes'")
        new = {"password": "other plain words then"}
        assert await ana.refused("POST", "/v1/me/password", json=new) == "proof_required"
        await ana.post("/v1/session/proof", {"password": PASSWORD})
        await ana.post("/v1/me/password", new)
        assert await other.refused("GET", "/v1/me") == "unauthenticated"
        await ana.get("/v1/me")
        assert (await at.log_in("ana@example.org", "other plain words then"))["tokens"]

    at_hub(settings, work)


def test_a_role_taken_away_is_gone_with_the_next_request(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        ben = await at.member(ana, space, "member", "ben@example.org")
        refused = {"decision_id": "x"}
        path = f"/v1/spaces/{space}/decisions/01a00000-0000-7000-8000-000000000000/undo"
        assert await ben.refused("POST", path) == "not_found"
        person = await at.person_id(ben)
        role = await ana.ask("PATCH", f"/v1/spaces/{space}/members/{person}", json={"role": "viewer"})
        assert role.status_code == 204, refused
        assert await ben.refused("POST", path) == "forbidden"
        gone = await ana.ask("DELETE", f"/v1/spaces/{space}/members/{person}")
        assert gone.status_code == 204
        assert await ben.refused("GET", f"/v1/spaces/{space}/accounts") == "not_found"

    at_hub(settings, work)


def test_a_space_never_lacks_an_owner_and_nobody_gives_more_than_they_have(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        ben = await at.member(ana, space, "admin", "ben@example.org")
        await at.second_factor(ben)
        members = f"/v1/spaces/{space}/members"
        mine, his = await at.person_id(ana), await at.person_id(ben)
        assert await ana.refused("PATCH", f"{members}/{mine}", json={"role": "admin"}) == "conflict"
        assert await ana.refused("DELETE", f"{members}/{mine}") == "conflict"
        assert await ben.refused("PATCH", f"{members}/{his}", json={"role": "owner"}) == "conflict"
        assert await ben.refused("PATCH", f"{members}/{mine}", json={"role": "viewer"}) == "conflict"
        invitation = {"email": "eve@example.org", "role": "owner"}
        assert await ben.refused("POST", f"/v1/spaces/{space}/invitations", json=invitation) == "conflict"

    at_hub(settings, work)


def test_an_invitation_is_for_one_e_mail_once_and_for_a_week(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        path = f"/v1/spaces/{space}/invitations"
        made = await ana.post(path, {"email": "Ben@example.org", "role": "viewer"})
        join = {"token": made["token"], "name": "Ben", "password": PASSWORD}
        other = {**join, "email": "eve@example.org"}
        assert await at.nobody.refused("POST", "/v1/invitation/join", json=other) == "not_found"
        mine = {**join, "email": "ben@example.org"}
        await at.nobody.post("/v1/invitation/join", mine)
        assert await at.nobody.refused("POST", "/v1/invitation/join", json=mine) == "not_found"
        late = await ana.post(path, {"email": "eve@example.org", "role": "viewer"})
        changed(settings, "update caudal.invitation set expires_at = now()")
        expired = {"token": late["token"]}
        assert await at.nobody.refused("POST", "/v1/invitation", json=expired) == "not_found"

    at_hub(settings, work)


def test_a_key_opens_its_space_within_its_scopes_until_it_is_revoked(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        await at.second_factor(ana)
        space, other = await at.space(ana), await at.space(ana, "firm")
        program = await at.key(ana, space, scopes=["accounts:read"])
        await program.get(f"/v1/spaces/{space}/accounts")
        assert await program.refused("GET", f"/v1/spaces/{other}/accounts") == "not_found"
        assert await program.refused("GET", f"/v1/spaces/{space}/review") == "forbidden"
        assert await program.refused("GET", "/v1/me") == "forbidden"
        kept = str(all_rows(settings.database_url, "select * from caudal.api_key"))
        assert program.token.split("_")[2] not in kept
        [key] = (await ana.get(f"/v1/spaces/{space}/keys"))["data"]
        assert program.token not in str(key)
        mistyped = Who(at.client, program.token[:-1] + ("0" if program.token[-1] != "0" else "1"))
        assert await mistyped.refused("GET", f"/v1/spaces/{space}/accounts") == "unauthenticated"
        await ana.ask("DELETE", f"/v1/spaces/{space}/keys/{key['key_id']}")
        assert await program.refused("GET", f"/v1/spaces/{space}/accounts") == "unauthenticated"

    at_hub(settings, work)


def test_a_key_may_do_no_more_than_who_made_it_may_do_now(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        ben = await at.member(ana, space, "admin", "ben@example.org")
        await at.second_factor(ben)
        program = await at.key(ben, space)
        undo = f"/v1/spaces/{space}/decisions/01a00000-0000-7000-8000-000000000000/undo"
        assert await program.refused("POST", undo) == "not_found"
        member = f"/v1/spaces/{space}/members/{await at.person_id(ben)}"
        await ana.ask("PATCH", member, json={"role": "viewer"})
        assert await program.refused("POST", undo) == "forbidden"
        await ana.ask("DELETE", member)
        assert await program.refused("GET", f"/v1/spaces/{space}/accounts") == "unauthenticated"

    at_hub(settings, work)


def test_no_key_is_given_what_is_for_people_to_say(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        path = f"/v1/spaces/{space}/keys"
        for scope in ("members:manage", "keys:manage", "space:manage"):
            wish = {"name": "program", "scopes": [scope]}
            assert await ana.refused("POST", path, json=wish) == "conflict"
        agent = {"name": "agent", "role": "agent", "scopes": ["transactions:edit"]}
        assert await ana.refused("POST", path, json=agent) == "conflict"
        elsewhere = await at.key(ana, space, networks=["198.51.100.0/24"])
        assert await elsewhere.refused("GET", f"/v1/spaces/{space}/accounts") == "unauthenticated"
        here = await at.key(ana, space, networks=["203.0.113.0/24"])
        await here.get(f"/v1/spaces/{space}/accounts")

    at_hub(settings, work)


def test_a_browser_is_not_made_to_ask_by_another_site(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        cookie = {"cookie": f"__Host-caudal={ana.token}"}
        made = {"name": "books"}
        for other in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://evil.example"},
            {},
        ):
            response = await at.nobody.ask("POST", "/v1/spaces", headers=cookie | other, json=made)
            assert response.status_code == 403, other
        for own in ({"sec-fetch-site": "same-origin"}, {"origin": "http://hub.test"}):
            response = await at.nobody.ask("POST", "/v1/spaces", headers=cookie | own, json=made)
            assert response.status_code == 201, own
        assert (await at.nobody.ask("GET", "/v1/me", headers=cookie)).status_code == 200

    at_hub(settings, work)


def test_what_is_done_is_written_down_with_who_did_it(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        await at.member(ana, space, "viewer", "ben@example.org")
        entries = (await ana.get(f"/v1/spaces/{space}/audit"))["data"]
        assert [each["act"] for each in entries] == ["space.founded", "member.invited", "member.joined"]
        mine = f"person:{await at.person_id(ana)}"
        assert [each["actor"] == mine for each in entries] == [True, True, False]

    at_hub(settings, work)


def test_nothing_that_opens_is_kept_or_told(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        _, codes = await at.second_factor(ana)
        space = await at.space(ana)
        program = await at.key(ana, space)
        await program.get(f"/v1/spaces/{space}/accounts")
        with psycopg.connect(settings.database_url) as connection:
            tables = connection.execute(
                "select table_name from information_schema.tables where table_schema = 'caudal'"
            ).fetchall()
            dump = "".join(
                str(connection.execute(f"select * from caudal.{name}".encode()).fetchall())
                for (name,) in tables
            )
        secrets = [PASSWORD, ana.token, ana.tokens["refresh_token"], program.token, *codes]
        logged = capfd.readouterr()
        for secret in secrets:
            assert secret not in dump
            assert secret not in logged.out + logged.err

    at_hub(msgspec.structs.replace(settings, log_level="debug"), work)


def test_a_passkey_stands_for_both_factors_and_an_answer_is_good_once(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        device, there = Authenticator(), "https://hub.test"

        def answered(challenge: Json) -> str:
            return device.assertion(json.dumps(challenge["options"]), origin=there)

        asked = await ana.post("/v1/me/passkeys/begin")
        made = device.registration(json.dumps(asked["options"]), origin=there)
        kept = {"token": asked["token"], "name": "phone", "answer": json.loads(made)}
        [passkey] = (await ana.post("/v1/me/passkeys", kept))["data"]
        assert await ana.refused("POST", "/v1/me/passkeys", json=kept) == "conflict"
        challenge = await at.nobody.post("/v1/session/passkey/begin")
        shown = {"token": challenge["token"], "answer": json.loads(answered(challenge))}
        ben = at.logged_in(await at.nobody.post("/v1/session/passkey", shown))
        assert await at.nobody.refused("POST", "/v1/session/passkey", json=shown) == "unauthenticated"
        [session, *_] = [each for each in (await ben.get("/v1/sessions"))["data"] if each["current"]]
        assert session["second_factor"] is True
        half = await at.log_in("ana@example.org")
        assert (half["tokens"], half["second_factors"]) == (None, ["passkey"])
        gone = await ana.ask("DELETE", f"/v1/me/passkeys/{passkey['credential_id']}")
        assert gone.status_code == 204
        challenge = await at.nobody.post("/v1/session/passkey/begin")
        shown = {"token": challenge["token"], "answer": json.loads(answered(challenge))}
        assert await at.nobody.refused("POST", "/v1/session/passkey", json=shown) == "unauthenticated"

    at_hub(msgspec.structs.replace(settings, public_url="https://hub.test"), work)


def test_one_time_codes_outlast_a_rotation_of_the_keyring(settings: Settings) -> None:
    seeds: list[pyotp.TOTP] = []

    async def before(at: Hub) -> None:
        ana = await at.owner()
        seeds.append((await at.second_factor(ana, steps_ago=1))[0])
        old = at.opened.keyring.primary
        await keys.rotate(at.opened)
        assert all_rows(settings.database_url, "select totp_key from caudal.person") != [(old,)]

    async def after(at: Hub) -> None:
        half = await at.log_in("ana@example.org")
        shown = {"token": half["second_factor_token"], "code": seeds[0].now()}
        assert await at.nobody.post("/v1/session/second-factor", shown)

    at_hub(settings, before)
    at_hub(settings, after)
