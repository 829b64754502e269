import dataclasses

import pytest

from livedream import DreamSettings
from livedream.errors import ArgumentError
from livedream.settings import CONTROLS


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_every_control_is_described(control) -> None:
    assert control.help[0].islower() or control.help.split()[0].isupper()
    assert not control.help.endswith(".")
    assert control.fault(control.default) is None
    if control.kind is not str:
        assert control.low <= control.default <= control.high
        assert control.fault(control.high) is None
        assert control.fault(control.high + 1) is not None
        assert control.fault(control.low - 1) is not None


def test_all_faults_come_at_once_with_the_allowed_range() -> None:
    with pytest.raises(ArgumentError) as caught:
        DreamSettings(steps=0, keep=7, pooling="soft", layers="", seed=1.5)  # type: ignore[arg-type]
    assert str(caught.value).split("; ") == [
        "layers must be text, got ''",
        "steps must be a whole number from 1 to 20, got 0",
        "keep must be a number from 0 to 0.999, got 7",
        "pooling must be max or average, got 'soft'",
        "seed must be a whole number from 0 to 999999999, got 1.5",
    ]


def test_a_picture_as_a_mask_is_told_its_place() -> None:
    with pytest.raises(ArgumentError, match="mask must be all, person") as caught:
        DreamSettings(mask="face.png")  # type: ignore[arg-type]
    assert "auto + mask:face.png" in caught.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, "1"])
def test_what_is_no_number_is_refused(value) -> None:
    with pytest.raises(ArgumentError, match="strength must be a number from 0 to 4"):
        DreamSettings(strength=value)


def test_whole_numbers_are_numbers() -> None:
    assert DreamSettings(strength=1) == DreamSettings()


def test_replace_makes_a_checked_copy() -> None:
    settings = DreamSettings()
    assert settings.replace(steps=3).steps == 3
    assert settings.steps == 1
    with pytest.raises(ArgumentError, match="unknown control: step") as caught:
        settings.replace(step=3)
    assert "steps" in caught.value.hint


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DreamSettings().steps = 2  # type: ignore[misc]


def test_text_is_read_as_the_control_means_it() -> None:
    by_name = {control.name: control for control in CONTROLS}
    assert by_name["steps"].parse("3") == 3
    assert by_name["keep"].parse("0.5") == 0.5
    assert by_name["layers"].parse("fire6") == "fire6"
    assert by_name["steps"].parse("three") == "three"  # named with the other faults, later


@pytest.mark.parametrize(
    ("name", "value", "presses", "expected"),
    [
        ("steps", 1, 1, 2),
        ("steps", 1, -1, 1),  # the lowest
        ("steps", 20, 1, 20),
        ("strength", 1.0, 1, 1.1),
        ("strength", 1.1, 1, 1.2),  # 1.1 / 0.1 is a little over 11
        ("strength", 1.2, -3, 0.9),
        ("keep", 0.985, 1, 0.99),
        ("keep", 0.985, -1, 0.98),
        ("keep", 0.99, 1, 0.999),  # as far as it goes
        ("keep", 0.999, -1, 0.99),
        ("working_height", 250, 1, 256),
        ("working_height", 32, -1, 32),
    ],
)
def test_a_press_of_a_key_turns_a_number(name, value, presses, expected) -> None:
    (control,) = (control for control in CONTROLS if control.name == name)
    turned = control.turned(value, presses)
    assert turned == expected
    assert control.fault(turned) is None


def test_keys_fit_what_they_turn() -> None:
    keys = [key for control in CONTROLS for key in control.keys]
    assert len(keys) == len(set(keys))
    for control in CONTROLS:
        assert (control.press > 0) == (control.kind is not str and control.keys != ())
        assert not control.keys or control.live
