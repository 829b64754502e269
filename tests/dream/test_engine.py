"""The engine: from settings to an ascent."""

import pytest
import torch

from livedream import DreamSettings
from livedream.dream.engine import Engine
from livedream.errors import ArgumentError
from livedream.steps import StepReport

SETTINGS = DreamSettings(layers="fire5", device="cpu", precision="float32")


def test_an_ascent_is_made_when_it_is_first_needed_and_then_kept() -> None:
    reports: list[StepReport] = []
    engine = Engine(SETTINGS, reports.append)
    assert not engine.is_ready
    assert not reports
    assert not engine.uses_cuda
    ascent = engine.ascent
    assert engine.is_ready
    assert engine.ascent is ascent
    assert [report.task for report in reports] == ["loading squeezenet"]


def test_only_settings_of_the_network_discard_the_ascent() -> None:
    engine = Engine(SETTINGS)
    ascent = engine.ascent
    engine.settings = SETTINGS.replace(strength=0.5, working_height=64)
    assert engine.ascent is ascent
    engine.settings = SETTINGS.replace(layers="fire4")
    assert not engine.is_ready
    assert engine.ascent is not ascent


def test_device_and_precision_can_change_only_before_the_network_is_loaded() -> None:
    engine = Engine(SETTINGS)
    engine.settings = SETTINGS.replace(precision="bfloat16")
    assert engine.ascent.network.dtype == torch.bfloat16
    with pytest.raises(ArgumentError, match="precision cannot change while a dream runs"):
        engine.settings = SETTINGS
    assert engine.settings.precision == "bfloat16"


def test_a_prepared_ascent_is_installed_unless_the_precision_has_changed() -> None:
    engine = Engine(SETTINGS.replace(precision="bfloat16"))
    changed = engine.settings.replace(layers="fire4")
    engine.ascent  # noqa: B018  loads the network
    prepared = engine.make_ascent(changed)
    engine.count_dropped(3)  # moves the network to float32
    assert not engine.install(changed, prepared)
    assert engine.settings == changed
    assert engine.ascent.network.dtype == torch.float32
    prepared = engine.make_ascent(SETTINGS.replace(precision="bfloat16"))
    assert engine.install(SETTINGS.replace(precision="bfloat16"), prepared)
    assert engine.ascent is prepared


def test_single_overflows_are_counted_and_only_repeated_ones_change_the_precision() -> None:
    engine = Engine(SETTINGS.replace(precision="bfloat16"))
    ascent = engine.ascent
    for dropped in (1, 1, 0, 2, 0):
        engine.count_dropped(dropped)
    assert engine.dropped_steps == 4
    assert engine.ascent is ascent
    for _ in range(3):
        engine.count_dropped(1)
    assert engine.dropped_steps == 7
    assert str(engine.compute) == "cpu float32"


def test_an_objective_with_a_fixed_position_has_no_jitter() -> None:
    engine = Engine(SETTINGS.replace(layers="neuron(fire5:196)"))
    assert engine.draw_shift(3, 1, (64, 80)) == (0, 0)
    engine.settings = SETTINGS
    assert engine.draw_shift(3, 1, (64, 80)) != (0, 0)
    assert engine.draw_shift(3, 1, (64, 80)) == engine.draw_shift(3, 1, (64, 80))
