"""Held to the reference data: TrueLayer's error codes, its signature vectors, and its own description of Data v1."""

import asyncio
import json
import os
import subprocess
from base64 import urlsafe_b64encode
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.openapi import as_json_schema
from tests.support.shared import shared
from tests.support.truelayer import BASE, SECRET, Stand

from caudal.model.errors import NeedsUser, RateLimited, Refused, Unavailable
from caudal.providers.truelayer.errors import AUTH_RULES, PROBLEM_RULES, REDIRECTED, RULES, Refusal, error_for
from caudal.providers.truelayer.genuine import Key, verified
from caudal_sandbox.truelayer import errors as emulated
from caudal_sandbox.truelayer.signing import HEADER, TIMESTAMP

_FOLDER = ("contracts", "truelayer")
ROOT = Path(__file__).resolve().parents[2]
JUDGES = Path(os.environ.get("JUDGES_VENV", ROOT / ".venv-judges")) / "bin" / "python"


def reference(*parts: str) -> Any:
    return json.loads(shared(*_FOLDER, *parts).read_text("utf-8"))


def test_every_code_there_is_has_a_rule_and_every_code_the_emulator_gives_its_status() -> None:
    listed = reference("data", "errors.json")
    assert set(listed["data_v1"]) | set(listed["mock_only"]) == set(RULES)
    assert set(listed["auth"]) <= set(AUTH_RULES)
    assert set(listed["v3_problem_types"]) <= set(PROBLEM_RULES)
    assert set(listed["redirect"]) == set(REDIRECTED)
    assert {code: status for code, (status, _) in emulated.DATA.items()} == {
        code: told["http"] for code, told in listed["data_v1"].items()
    }
    assert {code: status for code, (status, _) in emulated.AUTH.items()} == {
        code: told["http"] for code, told in listed["auth"].items()
    }


def test_each_code_means_what_the_contract_recommends() -> None:
    listed = reference("data", "errors.json")
    for table, auth in (("data_v1", False), ("auth", True)):
        for code, told in listed[table].items():
            error = error_for(Refusal("accounts", told["http"], code, auth=auth))
            if told["needs_user"]:
                assert isinstance(error, NeedsUser), code
            elif told["retryable"] and told["http"] != 401:  # a dead token was renewed before
                assert isinstance(error, Unavailable | RateLimited), code
            elif told["http"] != 401:
                assert isinstance(error, Refused), code


def test_the_official_vectors_of_tl_signature() -> None:
    told = reference("vectors", "tl-signature.json")
    hosts = ("truelayer.com", "truelayer-sandbox.com")
    allowed = [f"https://webhooks.{host}/.well-known/jwks" for host in hosts]
    judged = 0
    for case in told["cases"]:
        headers = {name.lower(): value for name, value in case["headers"].items()}
        headers[HEADER.lower()] = case["tl_signature"]
        keys = [
            Key(**{field: key.get(field, "") for field in ("kid", "kty", "crv", "x", "y")})
            for key in told["jwks"][case["jwks"]]["keys"]
            if key["kty"] == "EC"
        ]
        if case["method"] != "POST" or case.get("required_headers"):
            continue  # ours are POST, and what must be signed is the timestamp
        valid = any(verified(headers, case["body"].encode(), case["path"], key) for key in keys)
        if case["expect"] == "valid":
            assert valid, case["name"]
        elif valid:  # then it is the address of its keys that doesn't do
            head = json.loads(_padded(case["tl_signature"].split(".")[0]))
            assert head.get("jku") not in case.get("allowed_jku", allowed), case["name"]
        judged += 1
    assert judged >= 12


def _padded(text: str) -> bytes:
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Description:
    """Data v1, by its own file."""

    def __init__(self) -> None:
        file = shared(*_FOLDER, "spec", "data-api-v1.yaml")
        document = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
        self._paths = document["paths"]
        self._components = as_json_schema({"schemas": document["components"]["schemas"]})
        self._responses = document["components"]["responses"]

    def check(self, path: str, answer: httpx.Response) -> None:
        told = self._paths[path]["get"]["responses"][str(answer.status_code)]
        if "$ref" in told:
            told = self._responses[str(answer.status_code)]
        schema = {
            **as_json_schema(told["content"]["application/json"]["schema"]),
            "components": self._components,
        }
        wrong = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(answer.json()))
        assert not wrong, (path, [f"{each.instance_path}: {each.message}" for each in wrong[:3]])


@pytest.mark.parametrize("attended", [True, False])
def test_a_soak_of_the_emulator_keeps_to_the_description(attended: bool) -> None:
    description, stand = Description(), Stand()
    seen: set[tuple[str, int]] = set()

    async def soak(token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"} | ({"X-PSU-IP": "192.0.2.7"} if attended else {})
        async with httpx.AsyncClient(transport=stand.transport, base_url=BASE, headers=headers) as http:

            async def ask(shape: str, ref: str = "", **query: str) -> httpx.Response:
                answer = await http.get("/data/v1" + shape.replace("{account_id}", ref), params=query)
                description.check(shape, answer)
                seen.add((shape, answer.status_code))
                return answer

            for shape in ("/me", "/info"):
                await ask(shape)
            today = stand.world.now.date()
            for kind in ("accounts", "cards"):
                listed = (await ask(f"/{kind}")).json().get("results", [])
                for ref in [each["account_id"] for each in listed] + ["unknown"]:
                    shape = f"/{kind}/{{account_id}}"
                    window = {"from": str(today - timedelta(days=60)), "to": str(today)}
                    await ask(shape, ref)
                    await ask(f"{shape}/balance", ref)
                    await ask(f"{shape}/transactions", ref, **window)
                    await ask(
                        f"{shape}/transactions", ref, **{"from": str(date(1990, 1, 1)), "to": str(today)}
                    )
                    await ask(f"{shape}/transactions/pending", ref)
                    if kind == "accounts":
                        await ask(f"{shape}/standing_orders", ref)
                        await ask(f"{shape}/direct_debits", ref)
                        await ask(f"{shape}/transactions", ref, **{**window, "async": "true"})

    for day in range(3):
        linked = stand.link("mock")
        for _ in range(2):
            asyncio.run(soak(linked.secrets["access_token"].decode()))
        stand.world.advance(days=day + 1)
    statuses = {status for _, status in seen}
    assert {200, 202, 400, 404} <= statuses
    assert (429 in statuses) is not attended


def test_an_asynchronous_call_tells_by_an_unsigned_callback_and_the_result_is_fetched() -> None:
    stand = Stand()
    token = stand.link("mock").secrets["access_token"].decode()

    async def act() -> list[Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=stand.transport, base_url=BASE, headers=headers) as http:
            query = {"async": "true", "webhook_uri": "https://hub.example/hooks/x"}
            queued = (await http.get("/data/v1/accounts", params=query)).json()
            return [queued, *[(await http.get(queued["results_uri"])).json() for _ in range(2)]]

    queued, running, done = asyncio.run(act())
    assert [each["status"] for each in (queued, running, done)] == ["Queued", "Running", "Succeeded"]
    assert done["results"]
    hook = stand.emulator.outbox[0]
    assert HEADER not in hook.headers
    shape = set(reference("examples", "webhooks", "v1.task.json")["body"])
    assert set(json.loads(hook.body)) == shape


def test_the_secret_of_the_client_is_asked_for() -> None:
    stand = Stand()

    async def act() -> httpx.Response:
        async with httpx.AsyncClient(transport=stand.transport, base_url=BASE) as http:
            fields = {"grant_type": "refresh_token", "refresh_token": "r", "client_id": "sandbox-hub"}
            return await http.post("/connect/token", data={**fields, "client_secret": SECRET + "x"})

    answer = asyncio.run(act())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_its_own_library_takes_what_the_emulator_signs_and_the_adapter_what_the_library_signs() -> None:
    if not JUDGES.exists():
        if os.environ.get("CAUDAL_REQUIRE_ALL"):
            pytest.fail("the judges' environment is missing: make test makes it")
        pytest.skip("the judges' environment isn't there: make .venv-judges/ready makes it")
    stand = Stand()
    hook = stand.emulator.send_event("https://hub.example/webhooks/truelayer", {"type": "tried"}, BASE)
    own = ec.generate_private_key(ec.SECP521R1())
    told = {
        "signature": hook.headers[HEADER],
        "headers": {TIMESTAMP: hook.headers[TIMESTAMP]},
        "path": "/webhooks/truelayer",
        "body": hook.body.decode(),
        "jwks": stand.emulator.signer.jwks(),
        "jku": f"{BASE}/.well-known/jwks",
        "pem": own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    script = ROOT / "tests" / "judges" / "truelayer_by_signing.py"
    done = subprocess.run(
        [JUDGES, script], check=False, input=json.dumps(told), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    judged = json.loads(done.stdout)
    assert (judged["right"], judged["forged"]) == (True, False)
    public = own.public_key().public_numbers()
    x, y = (urlsafe_b64encode(number.to_bytes(66)).rstrip(b"=").decode() for number in (public.x, public.y))
    key = Key("judge", "EC", "P-521", x, y)
    heads = {TIMESTAMP.lower(): hook.headers[TIMESTAMP], HEADER.lower(): judged["signed"]}
    assert verified(heads, hook.body, "/webhooks/truelayer", key)
    assert not verified(heads, hook.body + b" ", "/webhooks/truelayer", key)
