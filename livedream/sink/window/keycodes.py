"""Translates the key codes of OpenCV's windows."""

NAMES = {27: "Esc", 32: "Space"}
"""Keys that have a name instead of a letter."""


def key_name(code: int) -> str | None:
    """Return the name of a key code of cv2.waitKeyEx: a lower-case letter, a sign, `Esc` or `Space`; else None.

    Qt reports s and Shift+s alike, so nothing may depend on the difference.
    """
    if code < 0:
        return None
    code &= 0xFFFF  # GTK puts modifiers such as Num Lock into the higher bits
    if code in NAMES:
        return NAMES[code]
    return chr(code).lower() if 32 < code < 127 else None
