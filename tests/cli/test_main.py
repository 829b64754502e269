"""The commands that dream nothing, and how the program starts."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import livedream
from livedream.capture.live import devices
from livedream.cli.main import main
from livedream.models import network_names
from livedream.presets import preset_names


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(word, capsys):
    assert main([word]) == 0
    assert capsys.readouterr().out == f"livedream {livedream.__version__}\n"


@pytest.mark.parametrize(
    "command", [[], ["run"], ["presets"], ["models"], ["cameras"], ["demo"], ["visualize"], ["layers"], ["zoom"]]
)
def test_help_does_not_load_torch(command):
    """Nor av: who asks for help waits for nothing."""
    program = """
import sys
from livedream.cli.main import main
code = main([*sys.argv[1:], "--help"])
loaded = {"torch", "av", "rich"} & set(sys.modules)
assert not loaded, loaded
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {' '.join(['livedream', *command])} [OPTIONS]")


def test_help_loads_nothing_slow():
    """torch takes three seconds, av and PIL a tenth each; a user waits for them only where they have work."""
    program = "import sys; from livedream.cli.main import main; main(['run', '--help']); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert {"torch", "av", "PIL"}.isdisjoint(told.splitlines()[-1].split())


def test_presets_are_listed_with_the_options_that_make_them(capsys):
    assert main(["presets"]) == 0
    out = capsys.readouterr().out
    for name in preset_names():
        assert f"\n{name} " in f"\n{out}"
    assert "--layers 'mosaic + patchwork' --step-size 3.0" in out  # presets/weaving.toml


def test_models_are_listed_with_their_layers(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == network_names()
    assert out.startswith("efficientnet_lite0 (in the package)\n")
    assert "  blocks.10, block5c  dogs, slugs, meadows, pagodas" in out
    assert "squeezenet (in the package)\n" in out
    assert "  fire9  whole animals" in out


def test_cameras_are_listed(capsys, monkeypatch):
    from livedream.capture.live import devices

    found = [devices.Camera(0, "Front", "/dev/video0"), devices.Camera(12, "HD Pro C920", "/dev/video2")]
    monkeypatch.setattr(devices, "list_cameras", lambda: found)
    assert main(["cameras"]) == 0
    assert capsys.readouterr().out == "0   Front        /dev/video0\n12  HD Pro C920  /dev/video2\n"


def test_no_camera_is_no_failure(capsys, monkeypatch):

    monkeypatch.setattr(devices, "list_cameras", list)
    assert main(["cameras"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("no camera found\nhint: ")


def test_the_console_script_is_the_launcher():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"livedream": "livedream_launcher:main"}
    done = subprocess.run([sys.executable, "-m", "livedream", "rum"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr == "error: no such command 'rum'\nhint: did you mean run?\n"


def test_a_reader_who_has_seen_enough():
    program = f"{sys.executable} -m livedream run --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_layers_of_a_network_are_listed(capsys):
    assert main(["models", "squeezenet", "--size", "64x64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "squeezenet (in the package), for pictures of 64x64; best: fire6"
    # By hand: fire3 sees 15x15 cells; conv1, fire2 and fire3 take 2 * (31*31*27*64 + 15*15*(11264 + 12288)) forward.
    (fire3,) = [line.split() for line in lines if line.startswith("fire3 ")]
    assert fire3 == ["fire3", "128", "15x15", f"{4 * (31 * 31 * 27 * 64 + 225 * 23552) / 1e9:.2f}", "fire3/concat"]
    assert [line for line in lines if line.startswith("logits:")]


def test_layers_of_the_default_network_are_listed_with_their_looks(capsys):
    assert main(["models", "efficientnet_lite0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "efficientnet_lite0 (in the package), for pictures of 448x256; best: blocks.10"
    (block,) = [line for line in lines if line.startswith("blocks.12 ")]
    assert "feathers, scales, beads, embroidery" in block
    assert block.endswith("block6b, blocks.5.1, block6b_add")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg61"], "unknown network: vgg61"),
        (["inception_v3", "--size", "74x200"], "74x200 is too small for inception_v3"),
        (["--size", "74x200"], "--size is for the layers of one network"),
        (["vgg16", "--size", "big"], "invalid size 'big'"),
    ],
)
def test_wrong_questions_about_networks(arguments, message, capsys):
    assert main(["models", *arguments]) == 2
    assert f"error: {message}" in capsys.readouterr().err
