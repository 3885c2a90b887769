"""What browsers get: kept for good, and nothing but what was built."""

import asyncio
import zipfile
from pathlib import Path
from subprocess import run
from sys import executable

import httpx
import pytest
from starlette.applications import Starlette

from caudal.model.errors import ConfigError
from caudal.web import static

ROOT = Path(__file__).resolve().parents[3]


def get(url: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[static.mount()]))
        async with httpx.AsyncClient(transport=transport, base_url="http://caudal.test") as client:
            return await client.get(url)

    return asyncio.run(asked())


@pytest.mark.parametrize("entry", ["app.js", "app.css", "icon.svg"])
def test_a_hashed_file_is_kept_for_good(entry: str) -> None:
    answer = get(static.url(entry))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith(("text/javascript", "text/css", "image/svg"))


@pytest.mark.parametrize("path", ["manifest.json", "app.js", "..%2fpages.py", "../pages.py", ""])
def test_nothing_else_is_found(path: str) -> None:
    answer = get(f"/static/{path}")
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


def test_styles_ask_for_no_font_and_no_picture_from_anywhere() -> None:
    for path in static.folder().glob("*.css"):
        text = path.read_text("utf-8")
        assert "url(" not in text
        assert "@import" not in text


def test_where_nothing_was_built_it_is_said_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=r"bundle\.py"):
        static.manifest.__wrapped__()


def test_a_wheel_holds_what_browsers_get(tmp_path: Path) -> None:
    run([executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    built = {f"caudal/web/static/{path.name}" for path in static.folder().iterdir()}
    assert built <= names
    assert {"caudal/web/templates/ui.html", "caudal/web/languages/pt/common.json"} <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("frontend")]
