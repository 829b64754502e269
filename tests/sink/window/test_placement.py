"""Where the corner of a window belongs."""

from livedream.sink.window.monitors import Monitor
from livedream.sink.window.placement import Placement

RIGHT = Monitor(1600, 24, 1280, 1024)


def test_corner() -> None:
    assert Placement().corner((640, 480), None) is None
    assert Placement(position=(-5, 7)).corner((640, 480), None) == (-5, 7)
    assert Placement(position=(5, 7)).corner((640, 480), RIGHT) == (1605, 31)
    # In the middle: 1600 + (1280 - 640) / 2, 24 + (1024 - 480) / 2.
    assert Placement().corner((640, 480), RIGHT) == (1920, 296)


def test_a_monitor_holds_its_pixels_and_no_other() -> None:
    assert RIGHT.holds(1600, 24) and RIGHT.holds(2879, 1047)
    assert not RIGHT.holds(1599, 24) and not RIGHT.holds(2880, 1047) and not RIGHT.holds(1600, 1048)
