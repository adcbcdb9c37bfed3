#!/bin/sh
# Makes .venv from requirements.lock with uv, itself installed from its package.
# Needs: Python >= 3.11 with pip or venv. Leaves .tools/ (uv) and .venv/ behind.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || { echo "env: no Python >= 3.11 on PATH" >&2; exit 1; }

if [ ! -x .tools/bin/uv ] || [ "$(.tools/bin/uv --version | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    rm -rf .tools
    # Debian's python3 comes without venv; pip alone does as well.
    "$python" -m venv .tools 2>/dev/null && .tools/bin/python -m pip install -q "uv==$UV_VERSION" ||
        { rm -rf .tools; "$python" -m pip install -q --target .tools "uv==$UV_VERSION"; }
fi

uv=.tools/bin/uv
export UV_PYTHON_DOWNLOADS=never
[ -x .venv/bin/python ] || "$uv" venv -q --python "$python" .venv
export VIRTUAL_ENV="$PWD/.venv"
"$uv" pip sync -q --require-hashes requirements.lock
"$uv" pip install -q --no-deps --no-build-isolation -e clients/python -e .
touch .venv/.stamp
