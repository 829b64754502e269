"""The embedded network draws small pictures; the large ones are looked at (docs/atlas.jpg)."""

import logging

import numpy as np
import pytest
import torch

from livedream import ArgumentError, DreamSettings
from livedream.visualize.atlas import choose_channels, page, picture_name
from livedream.visualize.blocks import block_layers
from livedream.visualize.visualizer import Visualizer

SIZE = 48


@pytest.fixture(scope="module")
def draw() -> Visualizer:
    return Visualizer(DreamSettings(device="cpu"))


@pytest.fixture(scope="module")
def eyes(draw: Visualizer) -> np.ndarray:
    return draw(["fire5:12"], SIZE, 40)[0]


def test_a_picture_shows_what_its_channel_looks_for_and_not_its_neighbour(draw, eyes) -> None:
    (begin,) = draw(["fire5:12"], SIZE, 1)
    assert eyes.shape == (SIZE, SIZE, 3) and eyes.dtype == np.uint8
    own, other = draw.value("fire5:12", eyes), draw.value("fire5:13", eyes)
    assert own > 100 * draw.value("fire5:12", begin)
    assert own > 10 * other


def test_it_repeats_bit_for_bit_and_the_seed_makes_another(draw, eyes) -> None:
    assert np.array_equal(draw(["fire5:12"], SIZE, 40)[0], eyes)
    (other,) = Visualizer(DreamSettings(device="cpu", seed=1))(["fire5:12"], SIZE, 40)
    assert np.abs(other.astype(int) - eyes).mean() > 20


def test_a_picture_does_not_depend_on_those_beside_it(draw, eyes) -> None:
    _, beside = draw(["fire4:3", "fire5:12"], SIZE, 40)
    # But for the last bits of sums in another order, which grow from step to step.
    assert np.corrcoef(beside.ravel(), eyes.ravel())[0, 1] > 0.9


def test_a_channel_that_is_silent_in_the_first_noise_is_woken(draw) -> None:
    (begin,) = draw(["fire7:38"], SIZE, 1)
    assert draw.value("fire7:38", begin) == 0
    (later,) = draw(["fire7:38"], SIZE, 24)
    assert draw.value("fire7:38", later) > 0


def test_a_channel_that_stays_silent_is_said(draw, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        draw(["fire7:38"], SIZE, 1)
    assert caplog.messages == ["fire7:38 does not respond: the image shows what excites its layer"]


def test_it_leaves_no_gradient_behind(draw, eyes) -> None:
    network = draw._ascent(["fire5:12"]).network
    assert not any(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize(
    ("size", "steps", "fault"), [(31, 8, "^size must be .* got 31"), (SIZE, 0, "^steps must be .* got 0")]
)
def test_a_size_or_number_of_steps_out_of_range_is_refused(draw, size, steps, fault) -> None:
    with pytest.raises(ArgumentError, match=fault) as caught:
        draw(["fire5:12"], size, steps)
    assert caught.value.hint


def test_channels_that_are_not_there_are_refused(draw) -> None:
    with pytest.raises(ArgumentError, match="invalid channel 256: layer fire5 has 256 channels"):
        draw(["fire5:12", "fire5:256"], SIZE, 1)


@pytest.mark.parametrize("text", ["fire4 | fire5:12", "fire5:12 + mask:face.png"])
def test_schedules_and_masks_are_refused_and_not_left_out(draw, text) -> None:
    with pytest.raises(ArgumentError, match="no octaves and no source, got fire") as caught:
        draw(["fire2", text], SIZE, 1)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("model", "some"),
    [
        ("squeezenet", ["conv1", "fire2", "fire9", "conv10"]),
        # By hand, from torchvision's printed modules: a ReLU behind each convolution; 12 and 24 are dropped poolings.
        ("alexnet", ["features.1", "features.4", "features.7", "features.9", "features.11"]),
        ("googlenet", ["conv1", "inception3a", "inception5b"]),
        ("resnet50", ["layer1.0", "layer4.2"]),
    ],
)
def test_blocks(model, some) -> None:
    blocks = block_layers(model)
    assert [name for name in blocks if name in some] == some
    assert model != "alexnet" or blocks == some
    assert not {"fc", "avgpool", "maxpool", "pool1"} & set(blocks)


def test_an_atlas_has_channels_of_all_parts_of_each_layer(draw) -> None:
    rows = choose_channels(draw, "squeezenet", 4)
    assert list(rows) == block_layers("squeezenet")
    assert rows["fire9"] == ["fire9:64", "fire9:192", "fire9:320", "fire9:448"]  # 512 in four quarters, their middles
    assert rows["conv1"] == ["conv1:8", "conv1:24", "conv1:40", "conv1:56"]


def test_names_of_files() -> None:
    assert picture_name("fire9:42") == "fire9-42.png"
    assert picture_name("fire8:3 + 0.5*../fire9:1") == "fire8-3-0.5-..-fire9-1.png"
    names = [picture_name(text) for text in ("fire6 + fire7", "fire6 - fire7", "-fire6 + fire7", "fire6 - 2*fire7")]
    assert len(set(names)) == 4


def test_the_page_escapes_and_names_nothing_from_elsewhere() -> None:
    text = page("<net>", "cpu", {"a": ["a:1"]}, {"a": "<b>"}, 64)
    assert "<net>" not in text and "&lt;b&gt;" in text
    assert 'src="a-1.png"' in text
    assert "http" not in text


def test_pictures_are_in_the_range_of_colours_from_the_first_noise_on() -> None:
    from livedream.visualize.fourier import FourierImages

    pictures = FourierImages(2, 32, seed=3)
    begin = pictures().detach()
    assert begin.shape == (2, 3, 32, 32)
    assert torch.equal(begin[0], begin[1])
    assert 0 < begin.min() < 0.5 < begin.max() < 1
    # Decorrelated: as in photographs, most of what changes is brightness, which all channels have in common.
    red, green, blue = begin[0].flatten(1)
    assert torch.corrcoef(torch.stack([red, green, blue])).min() > 0.5


def test_neurons_that_are_silent_are_woken_by_their_channel(draw) -> None:
    """All its layer alone, which wakes a channel somewhere, leaves all three silent where they are."""
    neurons = ["neuron(fire6:160)", "neuron(fire8:3)", "neuron(fire9:160)"]
    values = [draw.value(one, picture) for one, picture in zip(neurons, draw(neurons, 64, 64), strict=True)]
    assert max(values) > 0


def test_contrast_does_not_grow_without_end(draw) -> None:
    """Its standard deviation is 0.17 after 150 steps; without a bound it is 0.3, and colours are pure or gone."""
    for picture in draw(["fire5:106", "fire3:74"], SIZE, 150):
        assert 0.15 < picture.std() / 255 < 0.19


def test_they_show_themselves_in_a_notebook(draw, eyes) -> None:
    assert eyes._repr_png_().startswith(b"\x89PNG")
