# Sourced by the scripts beside it, which set `extra` first: "" for what livedream needs to run, "test" for its tests.
#
# Leaves $root, the folder of the repository, and $python, a Python in which livedream is installed. Makes .venv the
# first time and installs into it again when the list of what is needed has changed; otherwise it does nothing.
# LIVEDREAM_TORCH=cpu installs PyTorch's build without CUDA, a tenth of the download on Linux.
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

has_nvidia_card() {
    if [ -e /proc/driver/nvidia/version ] || nvidia-smi -L 2>/dev/null | grep -q GPU; then return 0; fi
    local card
    for card in /sys/bus/pci/devices/*; do # a card without its driver
        case $(cat "$card/vendor" "$card/class" 2>/dev/null) in
        0x10de?0x03*) return 0 ;;
        esac
    done
    return 1
}

# The version of PyTorch in .venv; nothing where there is none.
torch_version() {
    "$python" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || true
}

# What is about to be downloaded. Measured in November 2026 with torch 2.14: 3.2 GB, 5.9 GB unpacked, of which 2.8 and
# 4.7 GB are CUDA and Triton; the wheels for macOS and Windows, and the CPU wheels for Linux, have neither.
announce() {
    echo "installing livedream${extra:+ and what its tests need} into $root/.venv" >&2
    if [ -n "$(torch_version)" ]; then
        echo "most of it is there already" >&2
    elif [ "$cuda" = no ]; then
        echo "download: 0.4 GB, about 2 minutes at 100 Mbit/s; disk: 1.3 GB" >&2
    else
        echo "download: 3.2 GB, about 8 minutes at 100 Mbit/s; disk: 6 GB" >&2
        has_nvidia_card || cat >&2 <<-END
			Most of that is CUDA, for NVIDIA cards, and this machine does not seem to have one. Without CUDA it is
			0.4 GB, about 2 minutes, 1.3 GB on disk, and as fast on the processor. To choose that, press Ctrl-C and run
			    $cpu_command
		END
    fi
}

install() {
    # PyTorch's own index first: of the same version PyPI has only the build with CUDA. What is there satisfies pip
    # afterwards, 2.14.1+cpu as well as 2.14.1.
    if [ "$index" != "" ]; then
        grep -E '^(torch|torchvision)[^a-z]' "$root/requirements.txt" |
            pip_install --index-url "$index" --requirement /dev/stdin ||
            fail "PyTorch without CUDA cannot be installed from $index" "without --cpu it comes from PyPI, 3.2 GB"
    fi
    # compat: a path in a .pth file, which mypy, pyright and editors read; by default it is a hook that they do not run.
    pip_install --config-settings editable_mode=compat --editable "$root${extra:+[$extra]}"
}

pip_install() {
    "$python" -m pip install --disable-pip-version-check "$@" >&2
}

# What is installed, in one line: a stamp that differs is no stamp. A folder that was moved has a broken .venv.
wanted="livedream${extra:+[$extra]} in $root: $(cd "$root" && cat pyproject.toml requirements.txt setup.py scripts/setup.sh livedream/dream/native/*.[ch] | cksum)"
stamp=$root/.venv/installed${extra:+-$extra}
cpu_command=${cpu_command:-LIVEDREAM_TORCH=cpu $0}

case ${LIVEDREAM_TORCH:-} in
"" | cpu) ;;
*) fail "LIVEDREAM_TORCH is '$LIVEDREAM_TORCH'" "set it to cpu, or not at all" ;;
esac

# Only on Linux has PyPI's PyTorch CUDA in it.
cuda=no index=""
if [ "$(uname -s)" = Linux ]; then
    case "${LIVEDREAM_TORCH:-} $(torch_version)" in
    "cpu " | *+cpu) index=https://download.pytorch.org/whl/cpu ;; # as asked, or as it was asked before
    "cpu "*) fail ".venv has PyTorch with CUDA already" "to begin anew without it: rm -r $root/.venv" ;;
    *) cuda=yes ;;
    esac
fi

if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    is_new_enough "$python" || make_venv
    announce
    install
    # The wheels of OpenCV take some libraries from the system, which a bare container has not.
    "$python" -c 'import livedream' || fail "OpenCV cannot be loaded" \
        "on Debian and Ubuntu: sudo apt-get install libgl1 libglib2.0-0 libsm6 libxext6"
    echo "$wanted" >"$stamp" # last, so that an interrupted installation is repeated
fi
