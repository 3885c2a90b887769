"""Actual Budget's engine, from npm (MIT): fetched once into a folder beside the bench's Python, never into the project."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec
from tests.bench.apart import NotFinished
from tests.bench.one_ledger import Step

VERSION: Final = "26.9.0"
_ROOT: Final = Path(__file__).resolve().parents[2]
_FOLDER: Final = _ROOT / ".venv-bench-actual"
_PROGRAM: Final = Path(__file__).with_name("one_actual.mjs")
_INSTALL_SECONDS_MAX: Final = 600


class Missing(Exception):
    """It can't be had here: why."""


class ActualStep(msgspec.Struct, frozen=True):
    """What one step cost it."""

    cpu_s: float
    wall_s: float
    added: int


class ActualHeld(msgspec.Struct, frozen=True):
    """All steps; for each movement held, the event whose row founded it."""

    steps: list[ActualStep]
    held: list[str]
    rss_peak_mib: float


def fetched() -> Path:
    """Where it lies, fetched if it has to be. Raises Missing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise Missing("npm and node are not there")
    folder = _FOLDER / VERSION
    if not _works(node, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True}), "utf-8")
        package = f"@actual-app/api@{VERSION}"
        _run(folder, npm, "install", "--no-audit", "--no-fund", package)
        if not _works(node, folder):
            _run(folder, npm, "rebuild", "better-sqlite3")  # newer npm leaves what must be compiled alone
        if not _works(node, folder):
            raise Missing(f"{package} was fetched, but its SQLite can't be loaded")
    return folder


def measured(modules: Path, steps: list[Step], scratch: Path, *, seconds_max: int) -> ActualHeld:
    """What the steps cost, in a process of its own. Raises NotFinished, or RuntimeError with what it said last."""
    scratch.mkdir()
    spec = {"modules": str(modules), "folder": str(scratch), "steps": msgspec.to_builtins(steps)}
    try:
        done = subprocess.run(
            ["node", str(_PROGRAM)],
            input=json.dumps(spec).encode(),
            capture_output=True,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotFinished(seconds_max) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.returncode:
        raise RuntimeError(f"actual: {done.stderr.decode(errors='replace')[-4000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=ActualHeld)


def _works(node: str, folder: Path) -> bool:
    asked = "require('@actual-app/api'); new (require('better-sqlite3'))(':memory:')"
    return (folder / "package.json").exists() and not subprocess.run(
        [node, "-e", asked], cwd=folder, capture_output=True, check=False
    ).returncode


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, check=False, timeout=_INSTALL_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm {command[1]}: not finished in {_INSTALL_SECONDS_MAX} s") from None
    if done.returncode:
        raise Missing(f"npm {command[1]}: {done.stderr.decode(errors='replace').strip()[-300:]}")
