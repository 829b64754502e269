"""Converts images from any colour space to sRGB."""

import io
import logging
import math
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from livedream.color.primaries import ADOBE_RGB, BT709, D50, FOREIGN, Primaries, to_xyz
from livedream.color.tone import HDR, map_tones
from livedream.formats.png_chunks import chunks_in

log = logging.getLogger(__name__)

_SRGB = ImageCms.createProfile("sRGB")
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""Pillow's mode for each colour space of ICC."""
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_GAMMA = 1 / 2.2
_EXIF, _INTEROPERABILITY, _COLOR_SPACE = 0x8769, 0xA005, 0xA001
_ADOBE_RGB_SPACE = 2
_warned: set[tuple[Path, str]] = set()
"""The folder and the kind of the conversions that have been logged."""
_HEAD = 1 << 18
"""Bytes at the beginning of an AVIF file that are searched for its colour description."""
_CURVES = {4: 2.2, 5: 2.8, 8: 1.0}
"""Gamma by the transfer of ITU-T H.273; all others are shown with the curve of sRGB, as in browsers."""


class Profile:
    """An ICC profile. A damaged one is logged and ignored."""

    def __init__(self, icc: bytes) -> None:
        self._profile: ImageCms.ImageCmsProfile | None = None
        self._transforms: dict[str, ImageCms.ImageCmsTransform | None] = {}
        self.space = self.description = ""
        try:
            self._profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            self.space = self._profile.profile.xcolor_space.strip()
            self.description = _printable(ImageCms.getProfileDescription(self._profile))
        except (OSError, ImageCms.PyCMSError, ValueError, TypeError, AttributeError):
            self._profile = None

    def to_srgb(self, image: Image.Image, name: str) -> Image.Image:
        """Return the image in sRGB: RGB, or RGBA if it has alpha; unchanged if the profile has no effect.

        name: of the image, for messages.
        """
        mode = _MODES.get(self.space)
        if self._profile is None:
            _warn_once(f"{name}: its colour profile is damaged and ignored")
            return image
        if mode is None or not _suits(image, mode):
            _warn_once(
                f"{name}: its colour profile ({self.space}) does not match its pixels ({image.mode}) and is ignored"
            )
            return image
        try:
            transform = self._transform(self._profile, mode)
        except (ImageCms.PyCMSError, ValueError, OSError):
            _warn_once(f"{name}: its colour profile is damaged and ignored")
            return image
        if transform is None:
            return image
        alpha = None
        if image.has_transparency_data and not _is_deep(image):
            image = image.convert("RGBA")
            alpha = image.getchannel("A")
        plain = eight_bits(image) if _is_deep(image) else image
        converted = ImageCms.applyTransform(plain if plain.mode == mode else plain.convert(mode), transform)
        if converted is None:
            raise AssertionError("a conversion that is not in place returns an image")
        if alpha is not None:
            converted.putalpha(alpha)
        return converted

    def _transform(self, profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform | None:
        """Return the conversion, None if it has no effect. Raises what lcms raises."""
        if mode not in self._transforms:
            # The default of image editors. Without the flag the black of CMYK becomes grey.
            intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
            transform = ImageCms.buildTransform(profile, _SRGB, mode, "RGB", intent, flags)
            self._transforms[mode] = None if _changes_nothing(transform, mode) else transform
        return self._transforms[mode]


@lru_cache(maxsize=8)
def profile(icc: bytes) -> Profile:
    """Return the profile. Cached: images in a folder mostly share one, and preparing it takes 5 ms."""
    return Profile(icc)


def to_srgb(image: Image.Image, name: str, opened: Image.Image | None = None) -> Image.Image:
    """Return an image in sRGB, by its ICC profile or other colour metadata.

    The order of precedence is that of the PNG specification: cICP, ICC profile, sRGB, gamma and chromaticities; then
    nclx of HEIF and AVIF, and Adobe RGB in Exif. Without any of these the image is sRGB already.

    Args:
        image: of any Pillow mode.
        name: of the image, for messages.
        opened: the image as it came from the file, if `image` was derived from it (rotated upright).

    Returns:
        The image unchanged if there is nothing to convert, else RGB or RGBA.
    """
    opened = opened or image
    numbers = _cicp(opened) or (None if opened.info.get("icc_profile") else _nclx(opened))
    if numbers and numbers[1] in HDR:
        _warn_once_per_folder(name, f"HDR ({HDR[numbers[1]]}) is mapped to the range of an ordinary screen")
        return _from_hdr(image, *numbers)
    icc = _from_numbers(*numbers) if numbers else _describe(opened, name)
    if icc is None:
        return image
    converted = profile(icc).to_srgb(image, name)
    if converted is not image:
        _warn_once_per_folder(name, f"colours are converted from {profile(icc).description} to sRGB")
    return converted


def eight_bits(image: Image.Image) -> Image.Image:
    """Return an image of mode I or F as L, with 65535 as white (F: 1 if nothing is brighter, else 255)."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float64))
    if image.mode != "F":
        levels = levels / 257  # 65535 becomes 255
    elif levels.max() <= 1:
        levels = levels * 255
    return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))


def _describe(image: Image.Image, name: str) -> bytes | None:
    """Return an ICC profile for the colours of an image without numbers of ITU-T H.273, None for sRGB."""
    info: dict[Any, Any] = image.info
    if icc := info.get("icc_profile") or _boxed_profile(image):
        return bytes(icc)
    if image.mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if "srgb" in info:
        return None
    if "gamma" in info or "chromaticity" in info:
        return _from_chromaticities(info, name)
    if _is_adobe_rgb(image):
        return matrix_profile("Adobe RGB", ADOBE_RGB, 563 / 256)
    return None


def matrix_profile(description: str, primaries: Primaries, gamma: float | None = None) -> bytes:
    """Return an ICC profile (version 4) for RGB with these primaries and a gamma, None for the curve of sRGB."""
    if gamma is None:
        curve = struct.pack(">4s4xHxx5i", b"para", 3, *map(_fixed, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
    else:
        curve = struct.pack(">4s4xHxxi", b"para", 0, _fixed(gamma))
    text = description.encode("utf-16-be")
    words = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
    columns = [struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, column)) for column in to_xyz(primaries, D50).T]
    white = struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, (0.9642, 1, 0.8249)))
    names = (b"desc", b"cprt", b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    bodies = [body + bytes(-len(body) % 4) for body in (words, words, white, *columns, curve, curve, curve)]
    table, data, start = struct.pack(">I", len(names)), b"", 128 + 4 + 12 * len(names)
    for name, body in zip(names, bodies, strict=True):
        table += struct.pack(">4sII", name, start + len(data), len(body))
        data += body
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3i",
        *(start + len(data), 0x04000000, b"mntr", b"RGB ", b"XYZ ", b"acsp"),
        *map(_fixed, (0.9642, 1, 0.8249)),
    )
    return header.ljust(128, b"\0") + table + data


def _fixed(number: float) -> int:
    return round(number * 65536)


def _from_hdr(image: Image.Image, primaries: int, transfer: int) -> Image.Image:
    plain = eight_bits(image) if _is_deep(image) else image
    mapped = Image.fromarray(map_tones(np.asarray(plain.convert("RGB")), primaries, transfer))
    if plain.has_transparency_data:
        mapped.putalpha(plain.convert("RGBA").getchannel("A"))
    return mapped


def _from_numbers(primaries: int, transfer: int) -> bytes | None:
    """Return a profile for colours in the numbers of ITU-T H.273, None for sRGB."""
    gamma = _CURVES.get(transfer)
    if primaries not in FOREIGN and gamma is None:
        return None
    called, places = FOREIGN.get(primaries, ("linear RGB", BT709))
    return matrix_profile(called, places, gamma)


def _from_chromaticities(info: dict[Any, Any], name: str) -> bytes | None:
    """Return a profile for the gAMA and cHRM chunks of a PNG, None for sRGB."""
    gamma = info.get("gamma", _GAMMA)
    places = info.get("chromaticity")
    white, *primaries = zip(places[::2], places[1::2], strict=True) if places else (BT709[3], *BT709[:3])
    wanted: Primaries = (primaries[0], primaries[1], primaries[2], white)
    if math.isclose(gamma, _GAMMA, abs_tol=0.01):
        if np.allclose(wanted, BT709, atol=0.002):
            return None
        exponent = None  # sRGB is written as 1/2.2
    elif gamma <= 0:
        exponent = None
    else:
        exponent = 1 / gamma
    try:
        return matrix_profile(f"gamma {exponent:.2f}" if exponent else "its own primaries", wanted, exponent)
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error, ValueError, OverflowError):
        log.warning("%s: its description of colours (cHRM) is invalid; sRGB is assumed", name)
        return None


def _cicp(image: Image.Image) -> tuple[int, int] | None:
    """Return primaries and transfer of the cICP chunk of a PNG, which Pillow ignores."""
    if image.format != "PNG":
        return None
    for kind, body, _ in chunks_in(_head(image)):
        if kind == b"cICP" and len(body) == 4:
            return body[0], body[1]
        if kind == b"IDAT":
            return None
    return None


def _nclx(image: Image.Image) -> tuple[int, int] | None:
    """Return primaries and transfer of a HEIC (by pillow-heif) or an AVIF, which Pillow does not report."""
    if isinstance(nclx := image.info.get("nclx_profile"), dict):
        return int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))
    if image.format != "AVIF":
        return None
    _, name, numbers = _head(image).partition(b"colrnclx")
    return struct.unpack(">HH", numbers[:4]) if name and len(numbers) >= 4 else None


def _head(image: Image.Image) -> bytes:
    path = getattr(image, "filename", "")
    if not path:
        return b""
    with Path(path).open("rb") as file:
        return file.read(_HEAD)


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Return whether Exif states Adobe RGB, as most cameras write it."""
    try:
        exif = image.getexif()
        space = exif.get_ifd(_EXIF).get(_COLOR_SPACE)
        interoperability = exif.get_ifd(_INTEROPERABILITY).get(1)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, AttributeError, struct.error):
        return False  # damaged Exif is no reason to refuse an image
    return bool(space == _ADOBE_RGB_SPACE or str(interoperability).startswith("R03"))


def _boxed_profile(image: Image.Image) -> bytes | None:
    """Return the ICC profile of a JPEG 2000 (ISO/IEC 15444-1, I.5.3.3), which Pillow ignores."""
    if image.format != "JPEG2000":
        return None
    place = _head(image).find(b"colr\2")
    return _head(image)[place + 7 :] if place >= 0 else None


def _suits(image: Image.Image, mode: str) -> bool:
    if mode == "L":
        return image.mode in _GREY
    if mode == "RGB":
        return image.mode not in ("CMYK", "LAB")
    return image.mode == mode


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether the profile is that of sRGB, under any name."""
    if mode not in ("RGB", "L"):
        return False
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    if mode == "L":
        probe, wanted = steps[np.newaxis], np.repeat(steps[np.newaxis, :, np.newaxis], 3, axis=2)
    else:
        probe = wanted = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, len(steps), 3)
    converted = ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(probe)), transform)
    return bool(np.abs(np.asarray(converted).astype(int) - wanted).max() <= 1)


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:60] or "its own profile"


def _warn_once_per_folder(name: str, text: str) -> None:
    """Log a conversion, once for a folder of photographs."""
    kind = Path(name).parent, text
    if kind not in _warned:
        _warned.add(kind)
        log.warning("%s: %s", name, text)


@lru_cache(maxsize=1024)
def _warn_once(text: str) -> None:
    log.warning("%s", text)
