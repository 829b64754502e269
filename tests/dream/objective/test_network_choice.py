import pytest

from livedream import ArgumentError, DreamSettings
from livedream.dream.objective.network_choice import network_for
from livedream.models import layer_names


@pytest.mark.parametrize(
    ("layers", "network"),
    [
        ("auto", "efficientnet_lite0"),
        ("blocks.10", "efficientnet_lite0"),
        ("class:goldfinch", "efficientnet_lite0"),
        ("blocks.4 + 0.5*class:goldfinch", "efficientnet_lite0"),
        ("fire6", "squeezenet"),
        ("fire6:3 + 0.5*fire9:77", "squeezenet"),
        ("fire4 | fire9", "squeezenet"),
        ("fire4/concat", "squeezenet"),
        ("fire6.squeeze1x1", "squeezenet"),
        ("conv1", "squeezenet"),
        ("pool3", "squeezenet"),
        ("mean(fire5:7)", "squeezenet"),
        ("direction(fire6, 3, 77:0.5)", "squeezenet"),
        ("fire6 + 9*class:goldfinch", "squeezenet"),
        ("fire6 - 0.5*tv", "squeezenet"),
        ("fire5 + mask:face.png", "squeezenet"),
        ("guide:photo.jpg@fire6", "squeezenet"),
        ("auto + fire6", "squeezenet"),
    ],
)
def test_auto_takes_the_embedded_network_that_has_the_layers(layers, network) -> None:
    assert network_for(DreamSettings(layers=layers)).name == network


@pytest.mark.parametrize("layers", ["auto", "fire6", "blocks.10"])
def test_a_network_that_is_named_is_taken(layers) -> None:
    assert network_for(DreamSettings(model="googlenet", layers=layers)).name == "googlenet"


def test_every_layer_of_the_embedded_networks_finds_its_network() -> None:
    for name in ("squeezenet", "efficientnet_lite0"):
        for layer in layer_names(name):
            assert network_for(DreamSettings(layers=f'"{layer}"' if " " in layer else layer)).name == name


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(ArgumentError, match="squeezenett"):
        network_for(DreamSettings(model="squeezenett"))
    with pytest.raises(ArgumentError):
        network_for(DreamSettings(layers="fire6 +"))


@pytest.mark.parametrize(
    ("layers", "message", "hint"),
    [
        ("fire66", "unknown layer: fire66", "did you mean fire6 or"),
        ("fire6 + fire66", "unknown layer: fire66", "did you mean fire6 or"),
        ("FIRE9", "unknown layer: FIRE9", "did you mean fire9?"),
        ("blocks.100", "unknown layer: blocks.100", "did you mean blocks.10 or"),
        ("conv4_3", "neither network in the package has the layer conv4_3", "it is one of vgg16 and vgg19: "),
        ("qqqq", "unknown layer: qqqq", "a layer of another network needs model"),
        (
            "fire6 + blocks.10 + fire9",
            "layers of two networks: blocks.10 of efficientnet_lite0, fire6 and fire9 of",
            "",
        ),
    ],
)
def test_layers_that_no_network_has_together_are_said(layers, message, hint) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        network_for(DreamSettings(layers=layers))
    assert hint in caught.value.hint
