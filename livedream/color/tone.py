"""HDR pictures mapped to the range of an ordinary screen. (Films are mapped by FFmpeg.)"""

from collections.abc import Callable

import numpy as np

from livedream.color.primaries import BT709, D65, FOREIGN, to_xyz

HDR = {16: "PQ", 18: "HLG"}
"""The transfer functions of HDR by their numbers in ITU-T H.273, table 3."""
_WHITE = 203.0
"""cd/m2 of what is white on an ordinary screen (ITU-R BT.2408)."""
_PEAK = 1000.0
"""cd/m2 up to which lights are kept apart; what is brighter is white."""
_ROWS = 256
"""Lines that are mapped at a time: in float32 a picture takes four times its memory, several times over."""
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def map_tones(pixels: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """Return an HDR picture in sRGB.

    Up to about half of the range of an ordinary screen nothing changes; above, the curve of ITU-R BT.2390 brings 1000
    cd/m2 down to white. It works on the largest of the three colours, so that hues are kept.

    Args:
        pixels: uint8 RGB (height, width, 3), full range.
        primaries: a number of ITU-T H.273, table 2.
        transfer: a key of `HDR`.

    Returns:
        uint8 RGB (height, width, 3).
    """
    given = FOREIGN[primaries][1] if primaries in FOREIGN else BT709
    own = to_xyz(given, D65)
    matrix = (np.linalg.inv(to_xyz(BT709, D65)) @ own).T.astype(np.float32)
    codes = np.linspace(0, 1, 256)
    decode: Callable[[np.ndarray], np.ndarray] = _from_pq if HDR[transfer] == "PQ" else _from_hlg
    linear = decode(codes).astype(np.float32)
    mapped = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        light = linear[pixels[top : top + _ROWS]]
        if HDR[transfer] == "HLG":  # the system gamma of a screen of 1000 cd/m2 (ITU-R BT.2100)
            light *= _PEAK * (light @ own[1].astype(np.float32))[..., np.newaxis] ** 0.2
        light = (light / _WHITE) @ matrix
        brightest = light.max(axis=2, keepdims=True).clip(1e-6)
        light *= _rolled_off(brightest) / brightest
        mapped[top : top + _ROWS] = (_to_srgb(light.clip(0, 1)) * 255).round()
    return mapped


def _rolled_off(light: np.ndarray) -> np.ndarray:
    """Return light from 0 to `_PEAK` brought into the range from 0 to 1, in units of `_WHITE` (BT.2390, 5.4.1)."""
    top, white = _to_pq(np.array([_PEAK, _WHITE]))
    level = (_to_pq(light * _WHITE) / top).clip(max=1)
    white /= top
    knee = 1.5 * white - 0.5
    t = ((level - knee) / (1 - knee)).clip(0)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white
    return _from_pq(np.where(level < knee, level, curve) * top) / _WHITE


def _from_pq(code: np.ndarray) -> np.ndarray:
    """Return cd/m2 (SMPTE ST 2084)."""
    power = code ** (1 / _M2)
    return 10000 * ((power - _C1).clip(0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _to_pq(light: np.ndarray) -> np.ndarray:
    power = (light / 10000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _from_hlg(code: np.ndarray) -> np.ndarray:
    """Return light of the scene from 0 to 1 (ARIB STD-B67)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def _to_srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
