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
