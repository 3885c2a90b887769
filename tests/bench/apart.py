"""One measurement in a fresh process: nothing warmed up, nothing left over, killed when it takes too long.

A measured module has one function ``measure(spec: Spec) -> Result``, both msgspec structs. The specification goes
in and the result comes out as JSON: ``python -m tests.bench.apart tests.bench.one_parse < specification``.
"""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Final, TypeVar, get_type_hints

import msgspec

Result = TypeVar("Result")

_ROOT: Final = Path(__file__).resolve().parents[2]


class NotFinished(Exception):
    """The measurement was killed after `seconds` s."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"not finished in {seconds} s")
        self.seconds = seconds


def measured(module: str, spec: msgspec.Struct, result: type[Result], *, seconds_max: int) -> Result:
    """What `module` measures of `spec`. Raises NotFinished, or RuntimeError with what the process said last."""
    command = [sys.executable, "-m", __name__, module]
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(spec),
            capture_output=True,
            cwd=_ROOT,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotFinished(seconds_max) from None
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr.decode(errors='replace')[-4000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=result)


def main(module: str) -> None:
    """The process's side: what a peer prints goes before the last line, which is the result."""
    measure = importlib.import_module(module).measure
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=get_type_hints(measure)["spec"])
    result = msgspec.json.encode(measure(spec))
    sys.stdout.flush()
    sys.stdout.buffer.write(result + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
