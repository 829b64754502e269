"""docs/reference/networks.md matches the registry. `python -m tests.models.test_networks_page` writes it."""

import re
from pathlib import Path

from livedream import models

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "networks.md"


def table() -> str:
    lines = ["| network | weights | smallest | layers that dream well |", "|---|---|--:|---|"]
    for network in models.network_table():
        layers = "; ".join(f"`{layer}` {look}" for layer, look in network.layers)
        lines.append(f"| {network.name} | {network.note} | {network.smallest} | {layers} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    return re.sub(
        r"(<!-- table: networks -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table()}\n{m[2]}", page, flags=re.S
    )


def test_table_of_networks() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "python -m tests.models.test_networks_page updates it"
    assert table() in page


def test_the_examples_of_aliases_are_true() -> None:
    rows = re.findall(r"^\|([^|]*)\|[^|]*\| `(\S+)` is `(\S+)`", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(rows) >= 10
    network = ""
    for names, alias, layer in rows:
        network = names.strip().partition(",")[0] or network
        assert models.resolve_layer(network, alias) == layer


def test_every_alias_on_the_page_is_known() -> None:
    """Each name in the table is an alias of the network in its row."""
    part = PAGE.read_text(encoding="utf-8").partition("## The names of layers")[2].partition("In Caffe a ReLU")[0]
    network, count = "", 0
    for row in part.splitlines()[4:]:
        if not row.startswith("|"):
            continue
        network = row.split("|")[1].strip().partition(",")[0] or network
        for name in re.findall(r"`([^`]+)`", row):
            if not name.startswith("_"):
                models.resolve_layer(network, name)
                count += 1
    assert count > 30


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
