"""How pages hear of changes."""

from collections.abc import Mapping
from typing import Any

from livedream.studio.session.publisher import Publisher
from livedream.studio.session.state import difference


class Model:
    def __init__(self) -> None:
        self.value: dict[str, Any] = {"settings": {"a": 1, "b": 2}, "preset": "live"}
        self.heard: list[Mapping[str, Any]] = []
        self.publisher = Publisher(lambda: {**self.value, "settings": dict(self.value["settings"])})
        self.publisher.listen(self.heard.append)

    def set(self, **settings) -> None:
        self.value["settings"].update(settings)


def test_only_what_changed_is_told() -> None:
    model = Model()
    model.set(b=3)
    assert model.publisher.publish() == 1
    assert model.heard == [{"type": "patch", "rev": 1, "state": {"settings": {"b": 3}}, "by": None}]


def test_without_a_change_nothing_is_told_and_the_number_stays() -> None:
    model = Model()
    assert model.publisher.publish() == 0
    assert model.heard == []


def test_a_change_carries_its_maker_and_not_what_changed_before_it() -> None:
    model = Model()
    model.set(a=7)  # by a key of the window, not published yet
    assert model.publisher.change(lambda: model.set(b=9), by="c-1") == 2
    assert [(message["state"], message["by"]) for message in model.heard] == [
        ({"settings": {"a": 7}}, None),
        ({"settings": {"b": 9}}, "c-1"),
    ]


def test_the_first_message_has_the_number_from_which_patches_count() -> None:
    model = Model()
    model.set(a=2)
    hello = model.publisher.hello()
    assert (hello["rev"], hello["state"]["settings"]) == (1, {"a": 2, "b": 2})
    model.set(a=3)
    model.publisher.publish()
    assert model.heard[-1]["rev"] == 2


def test_the_difference_of_settings_names_single_controls() -> None:
    before = {"settings": {"a": 1, "b": 2}, "x": 1, "y": [1]}
    assert difference(before, {"settings": {"a": 1, "b": 3}, "x": 1, "y": [2]}) == {"settings": {"b": 3}, "y": [2]}
