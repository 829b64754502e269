"""What stands over the picture."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livedream import Dreamer, DreamSettings
from livedream.controls.controller import LiveController
from livedream.controls.hud import FORGOTTEN_SECONDS, WELCOME, Hud
from livedream.controls.messages import SECONDS, Messages
from livedream.controls.recorder import Recorder
from livedream.pipeline import Changes, Report, SinkReport
from livedream.recipe import Recipe
from livedream.stream_info import StreamInfo

STAGES = {"capture": 0.0012, "resize": 0.0004, "motion": 0.002, "ascent": 0.0153, "compose": 0.003}


class Window:
    view, full_screen = "split", False


def report(seconds: float, dropped: int, **more: Any) -> Report:
    sinks = (
        SinkReport("nowhere", 50, 90, 25.0, (0.5, 0.9)),
        SinkReport("window", 50, 10, 24.6, (0.0412, 0.056)),
    )
    return Report(seconds, 60, 50, dropped, 29.97, 24.8, sinks, **more)


@pytest.fixture
def controller() -> LiveController:
    settings = DreamSettings(layers="fire6", step_size=1.5, keep=0.98, natural_color=0.35, coarseness=0.7)
    dreamer = Dreamer(settings.replace(working_height=64, device="cpu", precision="float32"))
    dreamer.prepare((96, 72))
    return LiveController(dreamer, "live")


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def recorder(
    controller: LiveController, changes: Changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recorder]:
    monkeypatch.chdir(tmp_path)
    yield Recorder(controller, changes, StreamInfo(rate=Fraction(25)), Recipe(settings=controller.settings))
    for sink, _ in changes.take():
        sink.close()


def test_numbers_are_those_of_the_report_and_of_the_window(controller: LiveController, recorder: Recorder) -> None:
    status = Hud(controller, recorder, 1, Window())
    status.update(report(2.0, 10))
    status.update(report(4.0, 14, stages={name: (p50, 2 * p50) for name, p50 in STAGES.items()}))
    assert status.rows() == [(WELCOME,)]
    status.toggle_numbers()
    status.update(report(6.0, 22, stages={name: (p50, 2 * p50) for name, p50 in STAGES.items()}))
    controller.toggle_mirror()
    assert status.rows() == [
        # Of the last three seconds the reports at 4 and 6 are left: 14 + 10 and 22 + 10 dropped, 4 a second.
        ("fps", "captured 30.0", "dreamt 24.8", "shown 24.6", "dropped 4.0"),
        ("age ms", "p50 41", "p95 56"),
        ("stage ms", "capture 1.2", "resize 0.4", "motion 2.0", "ascent 15.3"),
        ("", "compose 3.0"),
        ("cpu float32, squeezenet, fire6, working 80x64",),
        ("preset live",),
        (
            "layers fire6, steps 1, step size 1.5, working height 64, keep 0.98, zoom 1, rotate 0, strength 1, "
            "mask all, natural color 0.35, coarseness 0.7, pooling max",
        ),
        ("view split, tour off, mirror on, freeze off, full screen off",),
        (WELCOME,),
        ("mirror on",),
    ]


def test_frames_left_out_are_told_apart_from_those_that_were_lost(
    controller: LiveController, recorder: Recorder
) -> None:
    status = Hud(controller, recorder, 1, Window())
    status.toggle_numbers()
    status.update(report(2.0, 10, skipped=30, skipped_fps=14.96))
    assert status.rows()[0] == (
        "fps", "captured 30.0", "dreamt 24.8", "shown 24.6", "dropped 10.0", "left out 15.0"
    )  # fmt: skip


def test_what_was_changed_is_told_with_the_preset(controller: LiveController, recorder: Recorder) -> None:
    status = Hud(controller, recorder, 1, Window())
    status.toggle_numbers()
    controller.turn("keep", 1)
    controller.turn("pooling", 1)
    controller.set("seed", 7)  # of no preset
    assert ("preset live, changed: keep 0.99, pooling average",) in status.rows()
    controller.turn("keep", -1)
    assert ("preset live, changed: pooling average",) in status.rows()
    controller.fade_to("origami")
    # Its own working height is 256; what was changed by hand is that of the new preset, and the height stays.
    assert ("preset origami, changed: working height 64",) in status.rows()


def test_what_was_given_by_hand_is_told_with_the_preset(recorder: Recorder) -> None:
    given = DreamSettings(working_height=64, device="cpu", precision="float32", keep=0.5)
    controller = LiveController(Dreamer(given), "film", preset_settings=DreamSettings(layers="blocks.10", keep=0.9))
    status = Hud(controller, recorder, 1, Window())
    status.toggle_numbers()
    # auto is blocks.10 of the network that auto means.
    assert ("preset film, changed: working height 64, keep 0.5",) in status.rows()


def test_notices_are_seen_for_some_seconds_and_then_with_the_numbers(
    recorder: Recorder, controller: LiveController
) -> None:
    clock = [100.0]
    controller.messages = Messages(lambda: clock[0])
    status = Hud(controller, recorder, 1, Window(), now=lambda: clock[0])
    lost, other = "camera C922 lost, reconnecting (try {})", "udp://127.0.0.1:5000: no connection"
    assert status.rows() == [(WELCOME,)]
    status.update(report(1.0, 0, notices=(lost.format(1),)))
    assert status.rows() == [(lost.format(1),), (WELCOME,)]
    clock[0] += SECONDS - 0.1
    status.update(report(2.0, 0, notices=(lost.format(2),)))
    assert status.rows() == [(lost.format(2),), (WELCOME,)]
    clock[0] += 0.2
    assert status.rows() == []
    status.update(report(3.0, 0, notices=(lost.format(3), other)))
    assert status.rows() == [(other,)]
    status.toggle_numbers()
    assert status.rows()[-2:] == [(lost.format(3),), (other,)]
    status.toggle_numbers()
    for _ in range(2):
        clock[0] += FORGOTTEN_SECONDS / 2
        status.update(report(4.0, 0, notices=(other,)))
        assert status.rows() == []
    status.update(report(5.0, 0, notices=(lost.format(1), other)))  # again
    assert status.rows() == [(lost.format(1),)]


def test_a_notice_that_comes_and_goes_shows_once(recorder: Recorder, controller: LiveController) -> None:
    """On a machine that is just too slow what is left out changes every few seconds."""
    clock = [100.0]
    controller.messages = Messages(lambda: clock[0])
    status = Hud(controller, recorder, 1, Window(), now=lambda: clock[0])
    status.rows()  # the welcome
    held = "dreaming at working height 133 instead of 256, to hold 25 fps"
    slow = "dreaming at working height 113 instead of 256, in 1 instead of 2 steps, and still too slow for 25 fps"
    clock[0] += SECONDS
    status.update(report(1.0, 0, notices=(held,)))
    assert status.rows() == [(held,)]
    for now in ((slow,), (), (held,), (), (slow,)):
        clock[0] += FORGOTTEN_SECONDS / 3
        status.update(report(clock[0] - 100, 0, notices=now))
        assert status.rows() == []


def test_on_the_full_screen_a_slow_machine_is_told_with_the_numbers_alone(
    recorder: Recorder, controller: LiveController
) -> None:
    window = Window()
    status = Hud(controller, recorder, 1, window)
    status.rows()
    lost, slow = "camera C922 lost", "dreaming at working height 54 instead of 64, to hold 30 fps"
    status.update(report(1.0, 0, notices=(lost, slow), slow=(slow,)))
    assert status.rows() == [(lost,), (slow,), (WELCOME,)]
    window.full_screen = True
    assert status.rows() == [(lost,), (WELCOME,)]
    status.toggle_numbers()
    assert (slow,) in status.rows()


def test_a_recording_is_told_when_it_begins_and_then_with_the_numbers(
    recorder: Recorder, controller: LiveController
) -> None:
    clock = [100.0]
    controller.messages = Messages(lambda: clock[0])
    status = Hud(controller, recorder, 1, Window(), now=lambda: clock[0])
    status.rows()
    recorder.toggle_recording()
    assert status.rows()[-1] == (f"recording: {recorder.recording}",)
    clock[0] += SECONDS
    assert status.rows() == []
    status.toggle_numbers()
    assert status.rows()[-1] == (f"REC {recorder.recording}",)


def test_before_the_first_report_there_is_the_look(controller: LiveController, recorder: Recorder) -> None:
    status = Hud(controller, recorder, 1, Window())
    status.toggle_numbers()
    assert status.rows()[0] == ("cpu float32, squeezenet, fire6, working 80x64",)
