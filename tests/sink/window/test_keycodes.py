import pytest

from livedream.sink.window.keycodes import key_name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (-1, None),  # no key
        (ord("s"), "s"),
        (ord("S"), "s"),  # with Caps Lock
        (ord("?"), "?"),
        (27, "Esc"),
        (32, "Space"),
        (0xFFE1, None),  # Shift by itself, of Qt
        (0xFF51, None),  # an arrow
        (0x250000, None),  # an arrow, of Windows
        (0x100000 | ord("s"), "s"),  # Num Lock, of GTK
    ],
)
def test_names_of_keys(code: int, name: str | None) -> None:
    assert key_name(code) == name
