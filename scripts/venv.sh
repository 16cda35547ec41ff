#!/bin/sh
# Make .venv and install this project into it, with the versions of constraints.txt.
#
#     scripts/venv.sh all|dev        all = everything a user needs, dev = and the test tools
#
# Instant when nothing changed since the last time. PYTHON=python3.12 chooses the Python.
# pip's own settings (an index, a cache, a certificate) come from the environment, as always.
set -eu
cd "$(dirname "$0")/.."
extra=$1
stamp=.venv/.installed-$extra

# What an installation depends on: a moved folder, other requirements or another Python.
wanted="$(pwd) ${PYTHON:-any} $(cat setup.cfg pyproject.toml constraints.txt | cksum)"
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

# A module system or a conda environment may leave these: .venv must see only itself.
unset PYTHONPATH PYTHONHOME
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11
    fi
    for name in "$@"; do
        if is_usable "$name"; then
            echo "$name"
            return
        fi
    done
    fail "Python 3.11, 3.12 or 3.13 is needed (TensorFlow has no release for a newer one)." \
        "Looked for: $*. The first says: $("$1" --version 2>&1 | head -n 1)" \
        "With root:    apt install python3.13 python3.13-venv    (or what the system offers)" \
        "Without root: a conda, pyenv or uv Python will do; then" \
        "              PYTHON=/path/to/python make demo"
}

has_pip() {
    .venv/bin/python -m pip --version >/dev/null 2>&1
}

# Debian's Python lacks ensurepip until python3-venv is installed, which needs root.
make_venv() {
    rm -rf .venv
    if "$1" -m venv .venv >/dev/null 2>&1 && has_pip; then
        return
    fi
    rm -rf .venv
    if "$1" -m virtualenv -q .venv 2>/dev/null || virtualenv -q -p "$1" .venv 2>/dev/null; then
        return
    fi
    rm -rf .venv
    if "$1" -m venv --without-pip .venv 2>/dev/null &&
        "$1" -m pip --python .venv/bin/python install -q pip 2>/dev/null && has_pip; then
        return
    fi
    rm -rf .venv
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail "$1 cannot make a virtual environment: it has neither ensurepip nor virtualenv nor pip." \
        "With root:    apt install python$version-venv" \
        "Without root: put a virtualenv.pyz on this machine (see virtualenv's documentation), run" \
        "              $1 virtualenv.pyz .venv" \
        "              and then the same make again; or use a conda, pyenv or uv Python:" \
        "              PYTHON=/path/to/python make demo"
}

same_python() {
    expected='import sys; print(sys.version_info[:3])'
    [ "$("$1" -c "$expected")" = "$(.venv/bin/python -c "$expected" 2>/dev/null)" ]
}

# One that is there is kept, unless it is broken or PYTHON asks for another.
if ! is_usable .venv/bin/python || ! has_pip || ! same_python "${PYTHON:-.venv/bin/python}"; then
    python=$(find_python)
    echo "Making .venv with $python"
    make_venv "$python"
fi

rm -f "$stamp"
echo "Installing into .venv: a few minutes and 2.5 GB of disk the first time"
if ! .venv/bin/python -m pip install --no-input -c constraints.txt -e ".[$extra]"; then
    fail "pip failed; its last lines above say why. What is there is kept: the same make goes on."
fi
echo "$wanted" >"$stamp"
if [ "$extra" = dev ]; then
    echo "$wanted" >.venv/.installed-all
fi
