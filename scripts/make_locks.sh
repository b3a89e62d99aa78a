#!/usr/bin/env bash
# Write the hash-pinned files in requirements/ and package-lock.json. They name packages, versions and hashes, and no
# address: whoever installs uses the package index that their own machine is set to.
# An argument is handed to uv, for example: scripts/make_locks.sh --upgrade
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # compile OUTPUT INPUT [OPTION...]
    local output=$1 input=$2
    shift 2
    .venv/bin/uv pip compile "$input" --output-file "requirements/$output" --quiet --no-config \
        --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}

export UV_PYTHON_DOWNLOADS=never
compile uv.txt requirements/uv.in "$@"
compile build.txt requirements/build.in "$@"
compile run.txt pyproject.toml "$@"
compile dev.txt pyproject.toml --group dev --constraints requirements/run.txt --constraints requirements/build.txt "$@"
.venv/bin/python scripts/build_assets.py --lock
