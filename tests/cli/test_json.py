"""Output for programs: the keys are those of docs/reference/json.md, no more and no fewer."""

import dataclasses
import json
from typing import Any

import pytest

from livedream.capture.live import devices
from livedream.capture.live.devices import Camera
from livedream.cli.main import main
from livedream.models import network_names
from livedream.presets import load_preset, preset_names, tour_presets


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*command: str) -> Any:
        assert main([*command, "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return json.loads(out)

    return run


def test_presets(printed: Any) -> None:
    document = printed("presets")
    assert list(document) == ["schema_version", "presets"]
    assert document["schema_version"] == 1
    assert [preset["name"] for preset in document["presets"]] == preset_names()
    assert [preset["name"] for preset in document["presets"] if preset["tour"]] == sorted(tour_presets())
    for preset in document["presets"]:
        assert list(preset) == ["name", "description", "tour", "changed", "settings"]
        assert preset["settings"] == dataclasses.asdict(load_preset(preset["name"]))
    (birds,) = [preset for preset in document["presets"] if preset["name"] == "birds"]
    assert birds["changed"] == ["layers", "step_size"]


NETWORK = ["name", "best", "megabytes", "smallest", "mean", "std", "embedded", "recommended", "note"]


def test_models(printed: Any) -> None:
    document = printed("models")
    assert list(document) == ["schema_version", "models"]
    assert [network["name"] for network in document["models"]] == network_names()
    assert all(list(network) == NETWORK for network in document["models"])
    (squeezenet,) = [network for network in document["models"] if network["name"] == "squeezenet"]
    assert squeezenet["recommended"][0] == {"name": "fire4", "look": "patterns"}
    assert squeezenet["embedded"] is True


def test_layers_of_a_model(printed: Any) -> None:
    document = printed("models", "vgg16", "--size", "64x64")
    assert list(document) == ["schema_version", *NETWORK, "width", "height", "layers", "groups", "directions"]
    assert (document["width"], document["height"]) == (64, 64)
    layers = {layer["name"]: layer for layer in document["layers"]}
    assert list(layers["features.22"]) == ["name", "aliases", "channels", "width", "height", "gflop", "look", "names"]
    assert layers["features.22"]["aliases"] == ["relu4_3", "block4_conv3"]
    assert (layers["features.22"]["channels"], layers["features.22"]["look"]) == (512, "eyes and birds")


def test_cameras(printed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_cameras", lambda: [Camera(0, "C922", "/dev/video0")])
    assert printed("cameras") == {
        "schema_version": 1,
        "cameras": [{"index": 0, "name": "C922", "path": "/dev/video0"}],
    }
    monkeypatch.setattr(devices, "list_cameras", list)
    assert printed("cameras") == {"schema_version": 1, "cameras": []}
