"""Keys as OpenCV's windows tell of them."""

NAMES = {27: "Esc", 32: "Space"}
"""What has a name and no letter."""


def key_name(code: int) -> str | None:
    """Return the key that cv2.waitKeyEx means: a lower-case letter, a sign, `Esc`, `Space`; None for none or any other.

    Qt tells s and Shift+s alike, so nothing may depend on it.
    """
    if code < 0:
        return None
    code &= 0xFFFF  # GTK puts Num Lock and the like into the bits above
    if code in NAMES:
        return NAMES[code]
    return chr(code).lower() if 32 < code < 127 else None
