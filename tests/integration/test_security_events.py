"""What happens at the door is one line in the log: what, who, in which request; and nothing that opens anything."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from tests.support.api import PASSWORD, Hub, at_hub
from tests.support.stepping import NAME, Stepping
from tests.support.web import browsing, signed_in, strengthen
from tests.unit.test_logs import logging_to

from caudal.providers.base import Capability
from caudal.settings import Settings

_HAPPENS = {
    "session.begun", "session.ended", "second_factor.set", "second_factor.removed", "recovery_codes.made", "password.changed",
    "login.failed", "proof.given", "proof.failed", "session.ended_everywhere", "scope.refused", "request.forged",
    "space.refused",
}  # fmt: skip


def test_each_thing_at_the_door_is_a_line_without_a_secret(settings: Settings) -> None:
    secrets: list[str] = [PASSWORD, "another four plain words"]

    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            here = f"{owner.space}/settings/security"
            await owner.post("/prove", {"password": "not the one it is", "to": "/"})
            await owner.post("/prove", {"password": PASSWORD, "to": "/"})
            await owner.post(f"{here}/recovery")
            await owner.post(f"{here}/password", {"new_password": secrets[1]})
            await owner.post(f"{here}/codes/drop")
            totp = await strengthen(hub, owner)
            await owner.post("/theme", {"theme": "dark", "to": "/"}, origin="https://evil.test")
            by = hub.logged_in({"access_token": owner.client.cookies["__Host-caudal"]})
            await hub.member(by, owner.space.removeprefix("/s/"), "viewer", "eva@example.org")
            async with signed_in(hub, "eva@example.org") as eva:
                await eva.get(f"{eva.space}/settings/keys")
                await eva.post("/sign-out")
            await owner.get("/s/00000000-0000-0000-0000-000000000000/settings")
            async with browsing(hub) as other:
                wrong = {"email": "ana@example.org\r\nforged: line", "password": PASSWORD}
                await other.post("/sign-in", wrong)
            secrets.extend([totp.secret, totp.at(datetime.now(UTC)), *owner.client.cookies.values()])
            await owner.post("/sign-out/everywhere")

    stream = io.StringIO()
    with logging_to(stream, "info"):
        at_hub(settings, work)
    lines: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [line for line in lines if line["logger"] == "caudal.security"]
    assert {line["kind"] for line in told} >= _HAPPENS
    assert all(line["request_id"] and line["timestamp"] for line in told)
    assert not [secret for secret in secrets if len(secret) > 6 and secret in stream.getvalue()]


class Heard(Stepping):
    """A provider that sends webhooks, none of which was its own so far."""

    capabilities = Stepping.capabilities | {Capability.WEBHOOKS}


def security_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "caudal.security"]


def test_what_is_tried_too_often_replayed_or_forged_is_a_line(settings: Settings) -> None:
    bounds = msgspec.structs.replace(settings.identity, tries_max=2)
    often = msgspec.structs.replace(settings.api, requests_per_minute=60)

    async def work(hub: Hub) -> None:
        forged = await hub.client.post(f"/webhooks/{NAME}", content=b'{"said": "by nobody"}')
        assert forged.status_code == 401
        async with signed_in(hub) as ana, browsing(hub) as other:
            for _ in range(3):
                await other.post("/sign-in", {"email": "ana@example.org", "password": "not the one it is"})
            refresh = ana.client.cookies["__Host-caudal-refresh"]
            spent = {"refresh_token": refresh}
            assert (await hub.client.post("/v1/session/refresh", json=spent)).status_code == 200
            with psycopg.connect(settings.database_url, autocommit=True) as books:
                books.execute("update caudal.session_token set used_at = used_at - interval '1 minute'")
            assert (await hub.client.post("/v1/session/refresh", json=spent)).status_code == 401
            for _ in range(70):
                await other.get("/sign-in")

    stream = io.StringIO()
    with logging_to(stream, "info"):
        at_hub(msgspec.structs.replace(settings, identity=bounds, api=often), work, Heard([]).live)
    kinds = {line["kind"] for line in security_lines(stream)}
    assert kinds >= {"webhook.forged", "login.too_many_tries", "session.replayed", "request.too_many"}


def test_who_may_do_what_is_a_line_when_it_changes_and_none_where_that_came_to_nothing(
    settings: Settings,
) -> None:
    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        ben = await hub.member(ana, space, "member", "ben@example.org")
        person = await hub.person_id(ben)
        await ana.ask("PATCH", f"/v1/spaces/{space}/members/{person}", json={"role": "viewer"})
        mine = await hub.person_id(ana)
        kept = await ana.ask("PATCH", f"/v1/spaces/{space}/members/{mine}", json={"role": "viewer"})
        assert kept.status_code == 409  # no owner would be left
        made = await ana.post(f"/v1/spaces/{space}/keys", {"name": "program"})
        key = made["key"].split("_")[1]
        await ana.ask("DELETE", f"/v1/spaces/{space}/keys/{key}")
        await ana.ask("DELETE", f"/v1/spaces/{space}/members/{person}")

    stream = io.StringIO()
    with logging_to(stream, "info"):
        at_hub(settings, work)
    told = [line["kind"] for line in security_lines(stream)]
    assert [kind for kind in told if kind.partition(".")[0] in ("member", "key", "space")] == [
        "space.founded", "member.invited", "member.joined", "member.changed", "key.made", "key.revoked", "member.removed",
    ]  # fmt: skip
