"""What the doctor says, of this machine as it is and of machines that lack something."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from livedream import configuration, doctor
from livedream.capture.live.devices import Camera
from livedream.cli.main import main
from livedream.doctor import choices, compute, devices, extras, system
from livedream.doctor.finding import Finding
from livedream.doctor.verdict import Refused, reach_verdict
from livedream.dream.dreamer import Dreamer
from livedream.errors import DeviceError
from livedream.frame import Frame
from livedream.models import weights_file
from livedream.settings import DreamSettings
from livedream.sink.video.codecs import CODECS


def test_the_whole_of_it_on_this_machine() -> None:
    """In a process of its own, as a user runs it: everything that is needed is there, or the tests would not run."""
    command = [sys.executable, "-m", "livedream", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert sorted(document) == ["can", "cannot", "findings", "livedream", "schema_version"]
    assert all(sorted(entry) == ["hint", "name", "needed", "ok", "text"] for entry in document["findings"])
    assert all(sorted(refused) == ["because", "hint", "what"] for refused in document["cannot"])
    assert {"dream pictures", "dream videos"} <= set(document["can"])
    assert "show the dream in a window" in [refused["what"] for refused in document["cannot"]]
    found = {entry["name"]: entry for entry in document["findings"]}
    assert {"livedream", "packages", "disk", "device", "float32", "speed", "camera", "screen", "display"} <= set(found)
    assert set(CODECS) <= set(found)
    assert found["h264"]["ok"]
    assert found["speed"]["ok"]
    assert "ms per frame of 640x360" in found["speed"]["text"]
    assert found["livedream[heic]"]["ok"]
    assert "livedream[test]" not in found
    assert not found["display"]["ok"]  # conftest.py takes DISPLAY away
    assert "DISPLAY is not set" in found["display"]["text"]
    assert all(entry["hint"] for entry in found.values() if not entry["ok"])


@pytest.mark.parametrize(
    ("finding", "code", "lines"),
    [
        (Finding("disk", True, "9 GB free"), 0, ["ok       disk: 9 GB free", "You can: dream pictures"]),
        (
            Finding("camera", False, "none", "plug one in"),
            0,
            [
                "missing  camera: none",
                "         plug one in",
                "You can: dream pictures",
                "You cannot:",
                "  dream cameras, because none",
                "         plug one in",
            ],
        ),
        (
            Finding("device", False, "none", "buy one", needed=True),
            1,
            [
                "missing  device: none",
                "         buy one",
                "You cannot:",
                "  dream, because none",
                "         buy one",
            ],
        ),
    ],
)
def test_lines_and_exit_code(
    finding: Finding,
    code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: iter([finding]))
    assert main(["doctor"]) == code
    assert capsys.readouterr().out.splitlines() == lines


def test_verdict() -> None:
    found = [
        Finding("camera", False, "0 is in use", "close it"),
        Finding("camera", True, "1 (C922)"),
        Finding("h264", True, "libx264"),
        Finding("display", False, "there is no display", "--to out.mp4"),
        Finding("livedream[virtualcam]", False, "pyvirtualcam is not installed", "pip install 'livedream[virtualcam]'"),
        Finding("virtual camera", False, "there is none", "load it"),
    ]
    verdict = reach_verdict(found)
    assert verdict.can == (
        "dream pictures",
        "dream videos",
        "dream cameras",
        "send the dream over the network",
        "write H.264",
    )
    assert verdict.cannot == (
        Refused("show the dream in a window", "there is no display", "--to out.mp4"),
        Refused("use a virtual camera", "pyvirtualcam is not installed", "pip install 'livedream[virtualcam]'"),
    )


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """livedream[jxl] without its package, livedream[heic] with one that is too old."""

    def version(name: str) -> str:
        if name == "pillow-jxl-plugin":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    found = {finding.name: finding for finding in extras.findings()}
    assert found["livedream[jxl]"].text == "pillow-jxl-plugin is not installed"
    assert found["livedream[jxl]"].hint == "pip install 'livedream[jxl]'"
    assert found["livedream[heic]"].text == "pi-heif 1.0 is installed, but >=1.1 is required"
    assert "livedream[test]" not in found
    assert "livedream[screen]" not in found, "there is nothing in it"


# Packages and disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """Look at these packages in these versions, where livedream needs av and OpenCV."""

    def installed(**versions: str) -> list[Finding]:
        known = {name.replace("_", "-"): version for name, version in versions.items()}

        def version(name: str) -> str:
            if name not in known:
                raise metadata.PackageNotFoundError(name)
            return known[name]

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr(
            metadata, "requires", lambda name: ["av<19,>=17", "opencv-python>=4.10", 'mss; extra == "screen"']
        )
        return list(system.packages())

    return installed


def test_8_versions_that_are_supported(packages: Callable[..., list[Finding]]) -> None:
    assert packages(av="18.1.0", opencv_python="5.0.0.93") == [
        Finding("packages", True, "av 18.1.0, opencv-python 5.0.0.93")
    ]


def test_8_version_that_is_not(packages: Callable[..., list[Finding]]) -> None:
    (fault, rest) = packages(av="19.0.0", opencv_python_headless="5.0.0.93")
    assert (fault.text, fault.hint) == ("av 19.0.0 is installed, but <19,>=17 is required", "pip install 'av<19,>=17'")
    assert fault.needed
    assert rest.text == "opencv-python-headless 5.0.0.93"


def test_8_missing_package(packages: Callable[..., list[Finding]]) -> None:
    (fault, _) = packages(av="18.1.0")
    assert (fault.ok, fault.text, fault.needed) == (False, "opencv-python is missing", True)


def test_3_both_kinds_of_opencv(packages: Callable[..., list[Finding]]) -> None:
    (fault, _) = packages(av="18.1.0", opencv_python="5.0", opencv_python_headless="5.0")
    assert fault.text == "opencv-python and opencv-python-headless conflict"
    assert fault.hint == "pip uninstall opencv-python opencv-python-headless; pip install opencv-python"


def test_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert system.disk(tmp_path / "not" / "there", "cache").ok
    monkeypatch.setattr(system, "LITTLE", 10**18)
    assert system.disk(tmp_path, "disk").hint == "free some disk space, or work in another folder"


# Persistent settings ------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(choices, "config_file", lambda: tmp_path / "config.toml")
    monkeypatch.setattr(configuration, "config_file", lambda: tmp_path / "config.toml")
    return tmp_path / "config.toml"


def test_config_file_and_variables(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.text for finding in choices.findings()] == [
        f"{config} does not exist (it is optional)",
        "none is set",
    ]
    config.write_text('device = "cpu"\npreset = "neon"\n', encoding="utf-8")
    monkeypatch.setenv("LIVEDREAM_PRECISION", "float32")
    monkeypatch.setenv("LIVEDREAM_SOURCE", "rtsp://user:secret@camera/1")
    monkeypatch.setenv("LIVEDREAM_MODLE", "vgg16")
    file, variables, misspelled = choices.findings()
    assert file.text == f"{config}: device = cpu, preset = neon"
    assert variables.text == "LIVEDREAM_PRECISION=float32, LIVEDREAM_MODLE, LIVEDREAM_SOURCE"
    assert (misspelled.ok, misspelled.hint) == (False, "did you mean LIVEDREAM_MODEL?")
    assert choices.settings() == DreamSettings(device="cpu", precision="float32")


def test_wrong_choices_keep_everything_from_working(config: Path) -> None:
    config.write_text('device = "gpu"\n', encoding="utf-8")
    found = list(choices.findings())
    assert found[0].text == f"{config}: device must be auto, cpu, cuda or mps, got 'gpu'"
    assert choices.settings() == DreamSettings()
    verdict = reach_verdict(found)
    assert (verdict.can, verdict.cannot[0].what, verdict.cannot[0].because) == ((), "dream", found[0].text)


# The engine ----------------------------------------------------------------------------------------------------------


def test_4_no_gpu_is_said_with_the_reason_and_the_version() -> None:
    import torch

    assert compute.device(DreamSettings()).ok
    if not torch.cuda.is_available() and sys.platform != "darwin":
        found = compute.gpu()
        assert not found.ok
        why = "finds no cuda device" if torch.version.cuda else "was built without CUDA"
        assert found.text == f"PyTorch {torch.__version__} {why}"


def test_5_numbers_that_do_not_dream(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dreamer drops every step that is not finite; that is not taken for a dream."""

    class Broken(Dreamer):
        dropped_steps = 1

        def __init__(self, settings: object) -> None:
            pass

        def prepare(self, *arguments: Any, **options: Any) -> None:
            pass

        def __call__(self, frame):
            return frame

    monkeypatch.setattr(compute, "Dreamer", Broken)
    found = compute.precision("float32")
    assert (found.ok, found.needed) == (False, True)
    assert not compute.precision("bfloat16").needed
    assert not compute.speed(DreamSettings()).ok


def test_4_device_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str, precision: str) -> None:
        raise DeviceError("no cuda device: the driver is too old", "get a new one")

    monkeypatch.setattr(compute, "choose_compute", refuse)
    assert compute.device(DreamSettings(device="cuda")).hint.startswith(
        "get a new one; `livedream config` shows what sets"
    )
    assert compute.device(DreamSettings()) == Finding(
        "device", False, "no cuda device: the driver is too old", "get a new one", True
    )


def test_speed_is_the_best_of_several_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dreamer takes 8 ms a frame, in the third try 4 ms; a clock that only it moves."""
    now = 0.0

    class Timed(Dreamer):
        dropped_steps = 0

        def __init__(self, settings: object) -> None:
            pass

        def prepare(self, *arguments: Any, **options: Any) -> None:
            nonlocal now
            now += 3

        def __call__(self, frame):
            nonlocal now
            now += 0.004 if frame.index // compute.FRAMES == 2 else 0.008
            return Frame(255 - frame.pixels, frame.time, frame.index)

    monkeypatch.setattr(compute, "Dreamer", Timed)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    assert compute.speed(DreamSettings(device="cpu", precision="float32")).text == (
        "4 ms per frame of 640x360, 250.0 fps, in cpu float32, efficientnet_lite0, best of 3 tries"
    )


def test_a_network_that_is_not_there_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(compute, "_time", lambda settings: [0.1] if settings.model == "efficientnet_lite0" else [])
    assert compute.speed(DreamSettings(model="vgg16", device="cpu", precision="float32")).ok


def test_6_weights_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = weights_file("googlenet")
    file.parent.mkdir(parents=True)
    file.touch()
    there, absent = compute.weights()
    assert there.text == "efficientnet_lite0, squeezenet, googlenet"
    assert "vgg16 (528 MB)" in absent.text
    assert "googlenet" not in absent.text
    assert str(file.parent) in absent.hint


# Where frames come from and go ---------------------------------------------------------------------------------------


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that passes for a camera's device: its path begins like one."""
    path = tmp_path / "video0"
    path.touch()

    class Path_(str):  # noqa: N801
        def startswith(self, start, *_):
            return start == "/dev/" or super().startswith(start)

    monkeypatch.setattr(devices, "list_cameras", lambda: [Camera(0, "C922", Path_(path))])
    yield path


def test_9_a_camera(camera: Path) -> None:
    assert list(devices.cameras()) == [Finding("camera", True, f"0 (C922) {camera}")]


def test_10_a_camera_in_use(camera: Path) -> None:
    with camera.open() as device, subprocess.Popen(["sleep", "60"], stdin=device) as user:
        (found,) = devices.cameras()
        user.kill()
    assert found.text == f"0 (C922) {camera} is in use by sleep (pid {user.pid})"


def test_11_a_forbidden_camera(camera: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = devices.cameras()
    assert found.text == f"no permission to use 0 (C922) {camera}"
    assert "usermod -aG video" in found.hint


def test_9_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_cameras", list)
    (found,) = devices.cameras()
    assert not found.ok
    assert not found.needed


@pytest.mark.needs_display
def test_2_display(xvfb: str) -> None:
    assert devices.device("window", "display") == Finding("display", True, "window opens")
    assert devices.screen().ok


def test_52_encoders_are_tried_and_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.encoders("h264") == Finding("h264", True, "libx264")
    monkeypatch.setattr(devices, "try_encode", lambda encoder: "it gave nothing")
    found = devices.encoders("h264")
    assert (found.ok, found.text) == (False, "libx264: it gave nothing")


def test_52_hardware_encoders_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "failure_reasons", lambda encoders: {encoder.name: "no" for encoder in encoders})
    found = devices.hardware()
    assert (found.ok, found.text) == (False, "nvenc: no; qsv: no; amf: no; videotoolbox: no; vaapi: no")
    working = {"h264_nvenc": "", "hevc_nvenc": "", "av1_nvenc": "no"}
    monkeypatch.setattr(devices, "failure_reasons", lambda encoders: working)
    assert devices.hardware().text == "h264_nvenc, hevc_nvenc; use them with --hardware auto"
