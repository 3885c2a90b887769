"""The API held against its own document, by somebody else's tool: thousands of requests, right and wrong ones."""

import asyncio
import os
import re
from pathlib import Path

import msgspec
import pytest
from tests.support.api import Hub, Who, at_hub, listening

from caudal.settings import Settings

ROOT = Path(__file__).parents[2]
SCHEMATHESIS = Path(os.environ.get("JUDGES_VENV") or ROOT / ".venv-judges") / "bin" / "schemathesis"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ENDS = ("log_out", "log_out_everywhere", "end_session", "follow_events")
"""What would end the session that asks, or never end."""


async def judged(at: Hub, who: Who, space: str, folder: Path, *more: str) -> str:
    """What Schemathesis says."""
    config = folder / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.space_id" = "{space}"\n')
    left_out = [part for name in ENDS for part in ("--exclude-operation-id", name)]
    async with listening(at.asgi) as url:
        process = await asyncio.create_subprocess_exec(
            SCHEMATHESIS,
            "--config-file",
            config,
            "run",
            ROOT / "docs" / "openapi.json",
            "--url",
            url,
            "--header",
            f"Authorization: Bearer {who.token}",
            "--checks",
            ",".join(CHECKS),
            "--continue-on-failure",
            "--no-color",
            "--seed",
            "7",
            *left_out,
            *more,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text[-20_000:]
    return text


@pytest.fixture
def generous(settings: Settings) -> Settings:
    """As often as one likes."""
    often = msgspec.structs.replace(settings.api, requests_per_minute=10_000_000)
    return msgspec.structs.replace(settings, api=often)


@pytest.mark.skipif(
    not SCHEMATHESIS.exists() and not os.environ.get("CAUDAL_REQUIRE_ALL"),
    reason="Schemathesis has an environment of its own: make .venv-judges/ready",
)
@pytest.mark.parametrize("as_whom", ["owner", "program"])
def test_every_answer_is_as_the_document_says_and_none_is_a_failure(
    generous: Settings, tmp_path: Path, as_whom: str
) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        who = ana if as_whom == "owner" else await at.key(ana, space)
        told = await judged(at, who, space, tmp_path, "--phases", "coverage,fuzzing", "--max-examples", "10")
        [cases] = re.findall(r"(\d+) generated, (\d+) passed", told)
        assert cases[0] == cases[1]
        assert int(cases[0]) > 1_000

    at_hub(generous, work)
