"""How far a whole is whose parts count their own steps."""

import pytest

from livedream.steps import Parts, StepReport


def test_the_share_of_a_part_is_that_of_its_weight() -> None:
    reports: list[StepReport] = []
    parts = Parts([1, 3, 0], reports.append)
    parts.of(0, "fire2")(StepReport("drawing", 1, 2, share=0.5))
    parts.of(1, "fire3")(StepReport("drawing", 1, 4, share=0.25))
    assert reports == [
        StepReport("fire2", 1, 2, share=pytest.approx(0.125)),  # type: ignore[arg-type]
        StepReport("fire3", 1, 4, share=pytest.approx((1 + 0.75) / 4)),  # type: ignore[arg-type]
    ]


def test_what_has_no_steps_keeps_its_name() -> None:
    reports: list[StepReport] = []
    Parts([1], reports.append).of(0, "fire2")(StepReport("loading squeezenet"))
    assert reports == [StepReport("loading squeezenet")]
