# Sourced by the scripts beside it, which set `extra` first: "" for what livedream needs to run, "test" for its tests,
# "wheels" for its wheels.
#
# Sets $root, the folder of the repository, $bin, the folder of the environment's programs, and $python, a Python with
# livedream installed. Creates .venv on first use and installs again when the requirements have changed; otherwise it
# does nothing.
# LIVEDREAM_TORCH=cpu installs PyTorch's build without CUDA, a tenth of the download on Linux.
# This must run in Bash 3.2, the version on macOS.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bin=$root/.venv/bin
case $(uname -s) in
MINGW* | MSYS* | CYGWIN*) bin=$root/.venv/Scripts ;; # Git's bash on Windows
esac
python=$bin/python

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
    fail "livedream needs Python 3.11 or later, and none is on the PATH" "install it with your system or from python.org"
}

has_nvidia_card() {
    if [ -e /proc/driver/nvidia/version ] || nvidia-smi -L 2>/dev/null | grep -q GPU; then return 0; fi
    local card
    for card in /sys/bus/pci/devices/*; do # a card without a driver
        case $(cat "$card/vendor" "$card/class" 2>/dev/null) in
        0x10de?0x03*) return 0 ;;
        esac
    done
    return 1
}

# Prints the version of PyTorch in .venv, or nothing.
torch_version() {
    "$python" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || true
}

# Says what will be downloaded. Measured in November 2026 with torch 2.14: 3.2 GB, 5.9 GB unpacked, of which CUDA and
# Triton are 2.8 and 4.7 GB. The wheels for macOS and Windows and the CPU wheels for Linux contain neither.
announce() {
    echo "installing livedream${extra:+ and what its tests need} into $root/.venv" >&2
    if [ -n "$(torch_version)" ]; then
        echo "most of it is already installed" >&2
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
    # From PyTorch's own index first, because PyPI has only the build with CUDA. Afterwards 2.14.1+cpu satisfies pip
    # as well as 2.14.1.
    if [ "$index" != "" ]; then
        grep -E '^(torch|torchvision)[^a-z]' "$root/requirements.txt" |
            pip_install --index-url "$index" --requirement /dev/stdin ||
            fail "PyTorch without CUDA cannot be installed from $index" "without --cpu it comes from PyPI, 3.2 GB"
    fi
    # compat writes a path into a .pth file, which mypy, pyright and editors read. They ignore the default, a hook.
    pip_install --config-settings editable_mode=compat --editable "$root${extra:+[$extra]}"
}

pip_install() {
    "$python" -m pip install --disable-pip-version-check "$@" >&2
}

# Describes the installation in one line; another stamp means to install again. In a moved folder .venv is broken.
wanted="livedream${extra:+[$extra]} in $root: $(cd "$root" && cat pyproject.toml requirements.txt setup.py scripts/setup.sh livedream/dream/native/*.[ch] | cksum)"
stamp=$root/.venv/installed${extra:+-$extra}
cpu_command=${cpu_command:-LIVEDREAM_TORCH=cpu $0}

case ${LIVEDREAM_TORCH:-} in
"" | cpu) ;;
*) fail "LIVEDREAM_TORCH is '$LIVEDREAM_TORCH'" "set it to cpu, or not at all" ;;
esac

# PyPI's PyTorch contains CUDA only on Linux.
cuda=no index=""
if [ "$(uname -s)" = Linux ]; then
    case "${LIVEDREAM_TORCH:-} $(torch_version)" in
    "cpu " | *+cpu) index=https://download.pytorch.org/whl/cpu ;; # as requested now or earlier
    "cpu "*) fail ".venv has PyTorch with CUDA already" "to start again without it: rm -r $root/.venv" ;;
    *) cuda=yes ;;
    esac
fi

if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    is_new_enough "$python" || make_venv
    announce
    install
    # The wheels of OpenCV need some system libraries, which a bare container lacks.
    "$python" -c 'import livedream' || fail "OpenCV cannot be loaded" \
        "on Debian and Ubuntu: sudo apt-get install libgl1 libglib2.0-0 libsm6 libxext6"
    echo "$wanted" >"$stamp" # last, so that an interrupted installation runs again
fi
