"""Undo and redo."""

from livedream.settings import DreamSettings
from livedream.studio.session.history import MOST, History, Look

BASE = DreamSettings()


def look(**controls) -> Look:
    return Look(BASE.replace(**controls), "live", BASE)


def test_each_change_is_a_step_and_undo_goes_back_through_them() -> None:
    history = History(look())
    history.note(look(strength=2.0), 0.0)
    history.note(look(strength=2.0, steps=3), 10.0)
    assert history.undo() == look(strength=2.0)
    assert history.undo() == look()
    assert history.undo() is None
    assert history.redo() == look(strength=2.0)
    assert history.redo() == look(strength=2.0, steps=3)
    assert history.redo() is None


def test_a_slider_that_is_dragged_is_one_step() -> None:
    history = History(look())
    for number in range(1, 20):
        history.note(look(strength=number / 10), number * 0.1)
    assert history.undo() == look()


def test_a_pause_or_another_control_begins_a_new_step() -> None:
    history = History(look())
    history.note(look(strength=0.5), 0.0)
    history.note(look(strength=0.6), 5.0)
    history.note(look(strength=0.6, steps=2), 5.1)
    assert history.undo() == look(strength=0.6)
    assert history.undo() == look(strength=0.5)


def test_a_change_after_undo_forgets_what_was_undone() -> None:
    history = History(look())
    history.note(look(steps=2), 0.0)
    history.undo()
    history.note(look(steps=5), 0.1)
    assert not history.can_redo
    assert history.undo() == look()


def test_the_same_settings_are_no_step() -> None:
    history = History(look())
    history.note(look(), 0.0)
    assert not history.can_undo


def test_it_is_bounded() -> None:
    history = History(look())
    for number in range(3 * MOST):
        history.note(look(seed=number + 1), number * 10.0)
    steps = 0
    while history.undo() is not None:
        steps += 1
    assert steps == MOST
