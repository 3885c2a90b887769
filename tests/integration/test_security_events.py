"""What happens at the door is one line in the log: what, who, in which request; and nothing that opens anything."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from tests.support.api import PASSWORD, Hub, at_hub
from tests.support.web import browsing, signed_in, strengthen
from tests.unit.test_logs import logging_to

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
