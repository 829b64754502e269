"""Weights files that claim more memory than they have are refused in one line, with little memory and time."""

import contextlib
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from livedream import models
from livedream.errors import WeightsError

State = dict[str, Tensor]
HEAD = "conv10"
MEGABYTES = 100
"""By how much loading may raise the peak memory. The files claim 0.4 GB to several GB; SqueezeNet has 5 MB."""
CPU_SECONDS = 5.0

PROBE = """
import resource, sys, time
from livedream.errors import WeightsError
from livedream.models import load
load("squeezenet")  # torch is imported, and its threads are there
for path in sys.argv[1:]:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        load("squeezenet", path)
        said = "loaded"
    except WeightsError as error:
        said = str(error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{grown:.0f} {time.process_time() - began:.1f} {said}", flush=True)
"""


@pytest.fixture(scope="module")
def state() -> State:
    return models.load("squeezenet").state_dict()


def huge(*shape: int) -> Tensor:
    """A tensor of two bytes that claims any shape."""
    return torch.zeros(1, dtype=torch.float16).expand(*shape)


def old(body: bytes) -> bytes:
    """Return the format of torch before version 1.6, with `body` as the pickle of the weights."""
    return pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + body


def deflated(path: Path, state: State) -> None:
    """Write weights whose first tensor expands to 400 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        torch.save(state, path.with_suffix(".whole"))
        with zipfile.ZipFile(path.with_suffix(".whole")) as whole:
            for entry in whole.infolist():
                if entry.filename.endswith("data/0"):
                    with bomb.open(entry.filename, "w", force_zip64=True) as part:
                        for _ in range(40):
                            part.write(bytes(10**7))
                else:
                    bomb.writestr(entry.filename, whole.read(entry))


CODEC = b"\x80\x02c_codecs\nencode\nq\x00X\x01\x00\x00\x00aX\x06\x00\x00\x00latin1\x86R"
HEX = CODEC + b"q\x01h\x00h\x01X\x03\x00\x00\x00hex\x86R" * 34 + b"."
COPIES = (
    b"\x80\x02ccollections\n%s\nq\x00](" + b"K\x01K\x02\x86" * 20_000 + b"eq\x01" + b"h\x00h\x01\x85R0" * 50_000 + b"}."
)
MILLION = b"\x80\x02}(" + b"".join(b"X\x07\x00\x00\x00%07dK\x00" % number for number in range(10**6)) + b"u."
HEADER = json.dumps(
    {f"k{key}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for key in range(200_000)}
).encode()

HOSTILE: dict[str, tuple[Callable[[Path, State], object], str]] = {
    "expanded.pth": (
        lambda path, state: torch.save({**state, "conv1.weight": huge(10**5, 10**5)}, path),
        "its conv1.weight is 100000 x 100000, not 64 x 3 x 3 x 3",
    ),
    "expanded head.pth": (
        lambda path, state: torch.save(
            {**state, f"{HEAD}.weight": huge(10**7, 512, 1, 1), f"{HEAD}.bias": huge(10**7)}, path
        ),
        "claims 9765 MB, more than the file has",
    ),
    "expanded head, old.pth": (
        lambda path, state: torch.save(
            {**state, f"{HEAD}.weight": huge(10**7, 512, 1, 1), f"{HEAD}.bias": huge(10**7)},
            path,
            _use_new_zipfile_serialization=False,
        ),
        "claims 9765 MB, more than the file has",
    ),
    "deflated.pth": (deflated, "it is compressed"),
    "a million keys.pth": (lambda path, state: path.write_bytes(old(MILLION)), "far more than the tensors"),
    "doubled.pth": (lambda path, state: path.write_bytes(old(HEX)), "something other than tensors (_codecs.encode)"),
    "copied.pth": (lambda path, state: path.write_bytes(old(COPIES % b"Counter")), "far more than the tensors"),
    "copied too.pth": (lambda path, state: path.write_bytes(old(COPIES % b"OrderedDict")), "far more than the tensors"),
    "remembered.pth": (
        lambda path, state: path.write_bytes(old(b"\x80\x02}r\xff\xff\xff\x1f.")),
        "far more than the tensors",
    ),
    "long name.pth": (lambda path, state: torch.save({**state, "a." * 10**6: huge(1)}, path), "names of more than 300"),
    "header.safetensors": (
        lambda path, state: path.write_bytes(struct.pack("<Q", len(HEADER)) + HEADER),
        "its header has ",
    ),
    "long header.safetensors": (
        lambda path, state: path.write_bytes(struct.pack("<Q", 5 * 10**9) + b"{}"),
        "header too large",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no resource.getrusage there")
def test_files_that_claim_gigabytes_take_little_memory_and_time(state: State, tmp_path: Path) -> None:
    for name, (write, _) in HOSTILE.items():
        write(tmp_path / name, state)
    with (tmp_path / "hole.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 5 * 10**9))
        file.truncate(6 * 10**9)  # takes no room on a disk that knows holes
    told = {**{name: text for name, (_, text) in HOSTILE.items()}, "hole.safetensors": "its header has 4768 MB"}
    command = [sys.executable, "-c", PROBE, *(str(tmp_path / name) for name in told)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.splitlines()
    assert len(lines) == len(told)
    for line, (name, text) in zip(lines, told.items(), strict=True):
        grown, seconds, said = line.split(" ", 2)
        assert text in said and str(tmp_path / name) in said
        assert (float(grown) < MEGABYTES, float(seconds) < CPU_SECONDS) == (True, True), line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weight: weight.flatten(1).to_sparse(), "it contains sparse tensors"),
        (lambda weight: weight.flatten(1).to_sparse_csr(), "it contains sparse tensors"),
        (lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8), "it contains quantized tensors"),
        (lambda weight: weight.to("meta"), r"it contains tensors without data \(meta\)"),
        (lambda weight: weight.to(torch.complex64), f"its {HEAD}.weight has dtype complex64, not a floating-point one"),
        (lambda weight: weight > 0, f"its {HEAD}.weight has dtype bool, not a floating-point one"),
        (lambda weight: weight.to(torch.int64), f"its {HEAD}.weight has dtype int64, not a floating-point one"),
    ],
    ids=["sparse", "csr", "quantized", "meta", "complex", "bool", "int"],
)
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_unusual_tensors_are_reported_in_one_line(
    change: Callable[[Tensor], Tensor], message: str, zipped: bool, state: State, tmp_path: Path
) -> None:
    weight = state[f"{HEAD}.weight"]
    torch.save({**state, f"{HEAD}.weight": change(weight)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=message) as caught:
        models.load("squeezenet", str(tmp_path / "a.pth"))
    assert "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("zipped", [True, False])
def test_a_full_training_checkpoint_is_read(zipped: bool, state: State, tmp_path: Path) -> None:
    network = torch.nn.Conv2d(3, 3, 3)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.zeros(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])  # keeps a Counter
    checkpoint = {
        "state_dict": {**state, 7: torch.zeros(3)},  # type: ignore[misc]
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
    }
    torch.save(checkpoint, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    loaded = models.load("squeezenet", str(tmp_path / "a.pth")).state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_dtypes_are_accepted(dtype: torch.dtype, state: State, tmp_path: Path) -> None:
    torch.save({name: weight.to(dtype) for name, weight in state.items()}, tmp_path / "a.pth")
    loaded = models.load("squeezenet", str(tmp_path / "a.pth")).state_dict()
    assert all(torch.equal(loaded[name], state[name].to(dtype).float()) for name in state)


def test_a_network_does_not_change_with_its_file(state: State, tmp_path: Path) -> None:
    """The file is memory-mapped while it is read: truncating it would kill the process (SIGBUS)."""
    path = tmp_path / "a.pth"
    torch.save(state, path)
    network = models.load("squeezenet", str(path))
    path.write_bytes(b"")
    assert all(torch.equal(weight, state[name]) for name, weight in network.state_dict().items())


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no pipes with a name")
    os.mkfifo(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="it is a pipe, not a file"):
        models.load("squeezenet", str(tmp_path / "a.pth"))


def test_damaged_pickles_raise_a_weights_error(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    path = tmp_path / "a.pth"
    torch.save({"conv1.weight": torch.zeros(2), "x": {"y": [1, (2, "z")]}}, path)
    content = path.read_bytes()
    end = content.index(b"PK\x03\x04", 4)
    for _ in range(200):
        changed = bytearray(content)
        for place in torch.randint(0, end, (3,), generator=generator).tolist():
            changed[place] = int(torch.randint(0, 256, (), generator=generator))
        path.write_bytes(changed)
        with contextlib.suppress(WeightsError):
            models.load("squeezenet", str(path))
            pytest.fail("that is no SqueezeNet")
