"""Misspelt names are reported before weights are downloaded. Here no weights are cached and there is no connection."""

import pytest
import torch

from livedream import ArgumentError, DreamSettings, WeightsError
from livedream.cli.main import main
from livedream.dream.objective.validation import check_names


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", no_network)


@pytest.mark.parametrize(
    ("layers", "message", "hint"),
    [
        ("relu4_4", "unknown layer: relu4_4", "relu4_3"),
        ("fire9", "unknown layer: fire9", "features.9"),
        ("block4_conv1:512", "invalid channel 512: layer block4_conv1 has 512 channels", "0 to 511"),
        ("relu4_3 | class:goldfich", "unknown class: goldfich", "goldfinch"),
    ],
)
def test_unknown_names_are_reported_before_the_download(layers, message, hint) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        check_names(DreamSettings(model="vgg16", layers=layers))
    assert hint in caught.value.hint


@pytest.mark.parametrize("layers", ["auto", "relu4_3 + 0.5*features.29:511", "class:goldfinch + mask:a.png"])
def test_known_names_are_accepted(layers) -> None:
    check_names(DreamSettings(model="vgg16", layers=layers))


def test_names_are_not_checked_if_the_weights_are_there() -> None:
    check_names(DreamSettings(model="squeezenet", layers="fire99"))
    check_names(DreamSettings(model="vgg16", weights="mine.pth", layers="fire99"))


@pytest.mark.parametrize(
    "words",
    [
        ["run", "photo.png", "--layers", "relu4_4"],
        ["run", "photo.png", "--layers", "relu4_4", "--watch", "--to", "a.gif"],
        ["layers", "photo.png", "--layers", "relu4_3 relu4_4"],
        ["zoom", "photo.png", "--layers", "relu4_4"],
        ["visualize", "--layer", "relu4_3", "--layer", "relu4_4"],
    ],
    ids=["run", "watch", "layers", "zoom", "visualize"],
)
def test_every_command_reports_unknown_names_before_the_download(words, photo, capsys) -> None:
    assert main([*words, "--model", "vgg16"]) == 2
    assert "error: unknown layer: relu4_4\nhint: did you mean relu4_3 or " in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run", "photo.png"], ["zoom", "photo.png"], ["layers", "photo.png"]])
def test_without_layers_another_network_uses_its_best_layer(words, photo, capsys) -> None:
    """The presets `still` and `dive` name layers of the embedded network."""
    assert main([*words, "--model", "vgg16"]) == 1
    assert "vgg16 needs the file vgg16-397923af.pth (528 MB)" in capsys.readouterr().err


def test_the_visualizer_accepts_known_names() -> None:
    from livedream.visualize.visualizer import Visualizer

    with pytest.raises(WeightsError, match="vgg16 needs the file"):
        Visualizer(DreamSettings(model="vgg16")).prepare(["relu4_3"])


@pytest.fixture
def photo(tmp_path) -> None:
    from PIL import Image

    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photo.png")
