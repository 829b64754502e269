import pytest

from livedream import DreamSettings, load_preset, preset_names
from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError
from livedream.models import DEFAULT, SQUEEZENET, layer_names
from livedream.presets import FILM, LIVE, STILL, preset_description


def test_there_are_seven_looks_and_no_two_alike() -> None:
    looks = [load_preset(name) for name in preset_names()]
    assert len(looks) >= 7
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_described(name) -> None:
    description = preset_description(name)
    assert description and not description.endswith(".")


@pytest.mark.parametrize("name", preset_names())
def test_layers_of_every_preset_are_in_the_embedded_network_that_it_takes(name, caplog) -> None:
    settings = load_preset(name)
    network = network_for(settings).name
    assert network in (DEFAULT, SQUEEZENET)
    assert set(parse(settings.layers, network=network).layers) <= {"auto", *layer_names(network)}
    assert not caplog.text  # none has a control of before


def test_defaults_for_films_cameras_and_pictures() -> None:
    assert load_preset(FILM) == DreamSettings()
    assert {FILM, LIVE, STILL} < set(preset_names())


def test_own_file(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('description = "mine"\nlayers = "fire9"\nstrength = 2\n')
    assert load_preset(str(path)) == DreamSettings(layers="fire9", strength=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers = ", "is not TOML"),
        ("layer = 'fire6'", "unknown control: layer"),
        ("steps = 99", "steps must be a whole number from 1 to 20, got 99"),
        ("steps = [1]", "steps must be"),
        ("[steps]\na = 1", "steps must be"),
    ],
)
def test_wrong_file_is_one_line(tmp_path, text, message) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ArgumentError, match=message) as caught:
        load_preset(str(path))
    assert caught.value.hint


def test_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="no such preset file"):
        load_preset(str(tmp_path / "nothing.toml"))


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ArgumentError, match="unknown preset: engravin") as caught:
        load_preset("engravin")
    assert "engraving" in caught.value.hint
