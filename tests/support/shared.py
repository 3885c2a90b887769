"""The reference data that lies beside the project on some machines: found here, and nowhere else."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared"


def shared(*parts: str) -> Path:
    """A file or folder of the reference data. Where it is missing the test is skipped, unless nothing may skip."""
    path = Path(os.environ.get("CAUDAL_SHARED", _BESIDE)).joinpath(*parts)
    if not path.exists():
        if os.environ.get("CAUDAL_REQUIRE_ALL"):
            pytest.fail(f"the reference data {'/'.join(parts)} is missing, and nothing may be skipped")
        pytest.skip(f"this machine has no reference data {'/'.join(parts)}")
    return path
