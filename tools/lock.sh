#!/bin/sh
# Writes requirements.lock: every package the agent, the client and their tools need, with hashes.
set -eu
cd "$(dirname "$0")/.."
.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header --group dev --group docs \
    --no-emit-package vmplumb --no-emit-package vmplumbd "$@" requirements.in -o requirements.lock
