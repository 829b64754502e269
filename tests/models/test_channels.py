"""Named channels. `python -m tests.models.test_channels` writes the table of docs/reference/layers.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from livedream import models
from livedream.errors import ArgumentError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "layers.md"
NETWORKS = ["squeezenet", "efficientnet_lite0"]


def table() -> str:
    lines = []
    for network in NETWORKS:
        lines += [f"| {network} | names |", "|---|---|"]
        by_layer: dict[str, list[str]] = {}
        for row in models.named_channels(network):
            by_layer.setdefault(f"`{row.layer}`", []).append(row.name)
        groups = {
            f"group `{group}`": [row.name for row in rows] for group, rows in models.channel_groups(network).items()
        }
        directions = {
            f"direction `{name}`": [f"of `{layer}`" for layer in layers]
            for name, layers in models.named_directions(network).items()
        }
        rows = (by_layer | groups | directions).items()
        lines += [f"| {head} | {', '.join(names)} |" for head, names in rows] + [""]
    classes = ", ".join(models.class_group_names())
    return "\n".join([*lines, f"Groups of classes: {classes}."])


def with_table(page: str) -> str:
    return re.sub(r"(<!-- table: names -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table()}\n{m[2]}", page, flags=re.S)


def test_page_lists_the_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "python -m tests.models.test_channels writes it anew"
    assert table() in page


@pytest.mark.parametrize("network", NETWORKS)
def test_every_row_is_a_channel_of_its_layer(network) -> None:
    channels = {info.name: info.channels for info in models.layer_facts(network, (64, 64))}
    rows = models.named_channels(network)
    assert len(rows) > 60
    assert all(0 <= row.channel < channels[row.layer] for row in rows)
    assert len({(row.layer, row.channel, row.pull > 0) for row in rows}) == len(rows)


@pytest.mark.parametrize("network", NETWORKS)
def test_names_clash_with_no_layer_and_no_other_name(network) -> None:
    names = models.channel_names(network)
    plain = [name.replace("-", " ") for name in names]
    known = (models.named_channels(network), models.channel_groups(network), models.named_directions(network))
    assert len(plain) == len(set(plain)) == sum(map(len, known))
    others = {*models.layer_names(network), *models.aliases(network), models.LOGITS, "auto", "tv", "mean", "class"}
    assert not others & {*names, *plain}


def test_a_direction_finds_the_channels_of_its_layers() -> None:
    found = models.find_channels("efficientnet_lite0", "dogs") or []
    assert {row.layer for row in found} == {"blocks.10", "blocks.11"}
    # Of the sixteen numbers of blocks.10 that of channel 90 is the largest, -1: a mean of all takes its share back.
    (strongest,) = (row.pull for row in found if (row.layer, row.channel) == ("blocks.10", 90))
    assert strongest / len(found) == pytest.approx(-1)
    assert len([row for row in found if row.layer == "blocks.10"]) == 16


def test_a_name_finds_its_channel() -> None:
    # By hand from the sheets: a spotted white cat's face, and a plume of feathers.
    (found,) = models.find_channels("squeezenet", "snow leopard") or []
    assert (found.layer, found.channel) == ("fire9", 31)
    assert found.pull > 0
    (found,) = models.find_channels("efficientnet_lite0", "feathers") or []
    assert (found.layer, found.channel) == ("blocks.11", 7)
    (found,) = models.find_channels("efficientnet_lite0", "knitwear") or []
    assert (found.layer, found.channel, found.pull < 0) == ("blocks.10", 36, True)


@pytest.mark.parametrize("text", ["snow leopard", "Snow-Leopard", "snow_leopard"])
def test_case_and_spaces_make_no_difference(text) -> None:
    assert models.find_channels("squeezenet", text) == models.find_channels("squeezenet", "snow leopard") is not None


def test_a_group_finds_all_of_its_channels() -> None:
    found = models.find_channels("squeezenet", "dogs")
    assert found is not None
    assert {row.name for row in found} >= {"retriever", "chihuahua", "spaniel"}


def test_names_belong_to_a_network() -> None:
    assert models.find_channels("vgg16", "dogs") is None
    assert models.find_channels("efficientnet_lite0", "chihuahua") is None
    assert models.channel_names("vgg16") == []


def test_the_hint_for_an_unknown_name_lists_the_closest() -> None:
    with pytest.raises(ArgumentError, match="unknown layer: peacok") as caught:
        models.resolve_layer("squeezenet", "peacok", ["fire8", "fire9"])
    assert "peacock" in caught.value.hint


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_knows_its_layers_aliases_and_names(network) -> None:
    names = [*models.layer_names(network), *models.aliases(network), *models.channel_names(network), models.LOGITS]
    assert [name for name in names if not models.knows(network, name)] == []


@pytest.mark.parametrize(
    ("network", "name"),
    [
        *(("squeezenet", name) for name in ("fire10", "fire1", "blocks.10", "feathers", "fire9.bn1", "auto")),
        *(("efficientnet_lite0", name) for name in ("fire9", "blocks.16", "blocks.1.bn3", "chihuahua")),
    ],
)
def test_a_network_does_not_know_other_names(network, name) -> None:
    assert not models.knows(network, name)


def test_names_are_known_without_torch() -> None:
    program = (
        "import sys; from livedream.models import class_group, find_channels, knows\n"
        "assert knows('squeezenet', 'fire8') and find_channels('squeezenet', 'dogs') and class_group('dogs')\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
