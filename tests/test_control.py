import pytest

from livedream.settings import CONTROLS


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
