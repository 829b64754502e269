# Sourced by the scripts beside it, which set `extra` first: "" for what livedream needs to run, "test" for its tests.
#
# Leaves $root, the folder of the repository, and $python, a Python in which livedream is installed. Makes .venv the
# first time and installs into it again when the list of what is needed has changed; otherwise it does nothing.
# Bash 3.2 must understand this: it is what macOS has.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=$root/.venv/bin/python

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

make_venv() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        is_new_enough "$candidate" || continue
        "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
            fail "$candidate cannot make virtual environments" "on Debian and Ubuntu: sudo apt-get install python3-venv"
        echo "making $root/.venv with $("$candidate" --version)" >&2
        "$candidate" -m venv --clear "$root/.venv"
        return
    done
    fail "livedream needs Python 3.11 or later, and none is on the PATH" "install one from your system or python.org"
}

# What is installed, in one line: a stamp that differs is no stamp. A folder that was moved has a broken .venv.
wanted="livedream${extra:+[$extra]} in $root: $(cd "$root" && cat pyproject.toml requirements.txt setup.py scripts/setup.sh livedream/dream/*.[ch] | cksum)"
stamp=$root/.venv/installed${extra:+-$extra}

if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    is_new_enough "$python" || make_venv
    echo "installing livedream${extra:+ and what its tests need}" >&2
    # compat: a path in a .pth file, which mypy, pyright and editors read; by default it is a hook that they do not run.
    (cd "$root" && "$python" -m pip install --disable-pip-version-check --config-settings editable_mode=compat \
        --editable ".${extra:+[$extra]}") >&2
    # The wheels of OpenCV take some libraries from the system, which a bare container has not.
    "$python" -c 'import livedream' || fail "OpenCV cannot be loaded" \
        "on Debian and Ubuntu: sudo apt-get install libgl1 libglib2.0-0 libsm6 libxext6"
    echo "$wanted" >"$stamp" # last, so that an interrupted installation is repeated
fi
