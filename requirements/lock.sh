#!/usr/bin/env bash
# Writes the lock files anew from pyproject.toml: every version pinned, every file's hash kept.
# Needs uv (pip install uv). Run it when a dependency changes; commit what it writes.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url pyproject.toml "$@"; }
compile --output-file requirements/run.lock
compile --extra dev --output-file requirements/dev.lock
compile --extra dev --extra bench --output-file requirements/bench.lock
printf "hatchling\neditables\nnodejs-wheel-binaries\n" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --output-file requirements/build.lock -
# Other people's clients that judge the emulators, and what judges our own API, in an environment of their own: nothing of ours goes in there.
printf "belvo-python==0.39.1\nccxt==4.5.64\npluggy-sdk==1.0.0.post74\nschemathesis==4.32.5\ntruelayer-signing==0.4.0\n" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --output-file requirements/judges.lock -
