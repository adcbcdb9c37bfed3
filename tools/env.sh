#!/bin/sh
# Makes .venv from requirements.lock with uv, itself installed from its package; does nothing when it is
# as it should be. Needs Python >= 3.11 with venv or pip. Leaves .tools/ (uv) and .venv/ behind.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9

die() {
    echo "env: $*" >&2
    exit 1
}

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || die "no Python >= 3.11 on PATH"

# The place counts: scripts and editable installs name it, so a moved checkout is made anew.
stamp="$PWD $("$python" -V) uv $UV_VERSION
$(cat requirements.lock pyproject.toml clients/python/pyproject.toml tests/conformance/suite/pyproject.toml tools/env.sh | cksum)"
if [ -x .venv/bin/python ] && [ "$(cat .venv/.stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

uv_is_here() {
    [ -x .tools/bin/uv ] && [ "$(.tools/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ]
}

# Each way leaves .tools/bin/uv, or nothing.
by_venv() {
    "$python" -m venv .tools >/dev/null 2>&1 && .tools/bin/python -m pip install -q "uv==$UV_VERSION"
}
by_pip() {
    "$python" -m pip --version >/dev/null 2>&1 &&
        "$python" -m pip install -q --target .tools "uv==$UV_VERSION"
}
by_bundled_pip() {
    # Python's own copy of pip, run from its archive: nothing is installed beside this checkout.
    wheel=$("$python" -c 'import ensurepip, pathlib
print(next(pathlib.Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")))' 2>/dev/null) &&
        "$python" "$wheel/pip" install -q --target .tools "uv==$UV_VERSION"
}
by_system_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    echo "env: neither venv nor pip; installing Debian's python3-venv" >&2
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    { apt-get install -qq -y python3-venv || { apt-get update -qq && apt-get install -qq -y python3-venv; }; } \
        >/dev/null </dev/null && by_venv
}

if ! uv_is_here; then
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    for way in by_venv by_pip by_bundled_pip by_system_package; do
        rm -rf .tools
        "$way" 2>>"$said" || true
        uv_is_here && break
    done
    uv_is_here || {
        rm -rf .tools
        sed 's/^/env:   /' "$said" >&2
        die "cannot install uv $UV_VERSION: that needs a reachable Python package index, and venv or pip" \
            "(Debian: package python3-venv)"
    }
fi

uv=.tools/bin/uv
export UV_PYTHON_DOWNLOADS=never
[ -w "${HOME:-/nonexistent}" ] || export UV_CACHE_DIR="$PWD/.tools/cache"
# uv does not read pip's configuration; a mirror that is set there is meant here too.
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
fi
if ! .venv/bin/python -c '' 2>/dev/null || [ "$(head -n 1 .venv/.stamp 2>/dev/null)" != "${stamp%%
*}" ]; then
    rm -rf .venv
    "$uv" venv -q --python "$python" .venv
fi
rm -f .venv/.stamp
export VIRTUAL_ENV="$PWD/.venv"
# Compiled once here: a start without bytecode takes twice as long, and some environments write none.
"$uv" pip sync -q --compile-bytecode --require-hashes requirements.lock ||
    die "cannot install the packages of requirements.lock; is the Python package index reachable?"
"$uv" pip install -q --no-deps --no-build-isolation -e clients/python -e . -e tests/conformance/suite
.venv/bin/python -m compileall -q agent clients/python/vmplumb
printf '%s\n' "$stamp" >.venv/.stamp
