"""Image files: recognizes their format and opens them with Pillow."""

import functools
import io
import logging
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from livedream.errors import ArgumentError, SourceError
from livedream.formats.png_chunks import SIGNATURE
from livedream.formats.suffixes import RAW
from livedream.formats.truncated_image import TORN, is_torn, rescue
from livedream.untrusted import open_regular

log = logging.getLogger(__name__)

HEAD = 64
"""The number of bytes at the beginning of a file that identify its format."""
DNG_VERSION, SUBFILE = 50706, 254
"""Tags of a TIFF (DNG 1.7, TIFF 6.0): present only in camera raw files; whether a page is a thumbnail."""
FAULTS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(RuntimeError, AssertionError, struct.error, zlib.error),
)
"""The exceptions of Pillow's readers for a damaged file."""

_MAGIC = (
    (SIGNATURE, "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"qoif", "QOI"),
    (b"8BPS", "PSD"),
    (b"DDS ", "DDS"),
    *((b"P%d%c" % (kind, space), "PPM") for kind in range(1, 7) for space in b"\n\r\t "),
)
_BY_NAME = {
    **dict.fromkeys((".bmp", ".dib"), ("BMP", "DIB")),
    **dict.fromkeys((".tga",), ("TGA",)),
    **dict.fromkeys((".ico",), ("ICO",)),
    **dict.fromkeys((".pcx",), ("PCX",)),
}
"""Formats that the first bytes hardly identify; they are tried by the file name."""
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif", b"mif1", b"msf1")


def sniff(head: bytes) -> str:
    """Return Pillow's name of the format of an image that begins with `head`; "" if it is not recognized."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = {head[8:12], *(head[place : place + 4] for place in range(16, len(head), 4))}
        if head[8:12] in (b"avif", b"avis") or (head[8:12] in (b"mif1", b"msf1") and brands & {b"avif", b"avis"}):
            return "AVIF"
        return "HEIF" if head[8:12] in _HEIF_BRANDS else ""
    return next((name for start, name in _MAGIC if head.startswith(start)), "")


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; none if it does not exist or is not a regular file. Never blocks."""
    try:
        with open_regular(path) as file:
            return file.read(HEAD)
    except OSError:
        return b""


@contextmanager
def open_image(path: Path, most_pixels: int | None = None) -> Iterator[Image.Image]:
    """Open and decode the image at `path`; if it has several pages, the first, which is logged.

    The content counts, not the name. A truncated file yields the part that exists, and the missing part is logged.
    Exceptions of Pillow inside the `with` block count as damage too, since Pillow reads some data late.

    Args:
        path: of the file.
        most_pixels: the maximum number of pixels, if lower than Pillow's own limit.

    Raises:
        SourceError: it cannot be read. The message contains the path.
    """
    with _source_errors(path), _quiet():
        image = _open(path, path)
        if most_pixels is not None and image.width * image.height > most_pixels:
            image.close()
            raise SourceError(f"{path} has too many pixels: {image.width}x{image.height}", "make it smaller first")
        try:
            image.load()
        except FAULTS:
            image.close()
            image = _rescued(path)
        else:
            if image.format == "PNG" and is_torn(path.read_bytes()):
                log.warning("%s %s", path, TORN)
        with image:
            yield image


@contextmanager
def open_frames(path: Path) -> Iterator[Image.Image]:
    """Open the image at `path` for `seek`, without decoding it. Raises SourceError as `open_image` does."""
    with _source_errors(path):
        image = _open(path, path)
        with image:
            yield image


def missing_reader(head: bytes) -> tuple[str, str]:
    """Return what cannot be read because a package is missing, and how to install it; two empty texts if none is."""
    name = sniff(head)
    if name == "HEIF" and not _reads_heif():
        return "a HEIC picture", 'pip install "livedream[heic]"'
    if name == "JXL" and not _reads_jxl():
        return "a JPEG XL picture", 'pip install "livedream[jxl]"'
    if name == "AVIF" and not _reads("AVIF"):
        return "an AVIF picture", "install Pillow from its wheel; this build has no AVIF"
    return "", ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Pillow's warnings about many pixels (twice as many raise an error) and odd metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _source_errors(path: Path) -> Iterator[None]:
    """Turn the exceptions of Pillow and the system into a SourceError."""
    try:
        yield
    except (SourceError, ArgumentError):
        raise
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        hint = f"make it smaller first: at most {most} million pixels"
        raise SourceError(f"{path} has too many pixels", hint) from error
    except FileNotFoundError as error:
        hint = "check the name; relative names start in the current folder"
        raise SourceError(f"no such picture: {path}", hint) from error
    except PermissionError as error:
        raise SourceError(f"no permission to read {path}", "check the permissions of the file") from error
    except MemoryError as error:
        raise SourceError(f"{path} does not fit into memory", "make it smaller first") from error
    except FAULTS as error:
        raise SourceError(f"{path} is not a picture, or is damaged", "remove it, or save it again") from error


def _open(path: Path, file: Path | io.BytesIO) -> Image.Image:
    """Open `file`, the content of `path`, at its first page."""
    _check_image_file(path)
    with path.open("rb") as beginning:
        head = beginning.read(HEAD)
    missing, hint = missing_reader(head)
    if missing:
        raise SourceError(f"{path} is {missing}, and the package that reads it is not installed", hint)
    name = sniff(head)
    formats = ("JPEG", "MPO") if name == "JPEG" else (name,) if name else _BY_NAME.get(path.suffix.lower(), ())
    if not formats:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<svg", b"<?xml")):
            raise SourceError(f"{path} is an SVG drawing, not a picture of pixels", "export it as PNG first")
        raise UnidentifiedImageError(str(path))
    with _quiet():
        image = Image.open(file, formats=formats)
    try:
        if image.format == "TIFF":
            _choose_page(image, path, is_logged=isinstance(file, io.BytesIO))
    except BaseException:
        image.close()
        raise
    return image


def _check_image_file(path: Path) -> None:
    """Raise SourceError for what is certainly not an image, before Pillow opens it."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path} is a folder", "name a picture")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path} is not a regular file", "copy it into a file first")
    if path.suffix.lower() in RAW:
        raise _is_raw(path)
    if status.st_size == 0:
        raise SourceError(f"{path} is empty", "was the copy cut off, or the disk full?")


def _is_raw(path: Path) -> SourceError:
    hint = "develop it first, for example with darktable, and name the TIFF or JPEG"
    return SourceError(f"{path} is a camera raw file, which livedream does not read", hint)


def _choose_page(image: Image.Image, path: Path, *, is_logged: bool) -> None:
    """Go to the first page of a TIFF that is not a thumbnail. Raises SourceError for a camera raw file.

    is_logged: whether it has been logged that there are several pages.
    """
    pages = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        tags = image.tag_v2  # type: ignore[attr-defined]
        if DNG_VERSION in tags:
            raise _is_raw(path)
        if not int(tags.get(SUBFILE, 0)) & 1:
            pages.append(number)
    if len(pages) > 1 and not is_logged:
        log.warning("%s has %d pages, only the first is used", path, len(pages))
    image.seek(pages[0] if pages else 0)


def _rescued(path: Path) -> Image.Image:
    """Return the existing part of a truncated image, and log what is missing."""
    image, loss = rescue(path.read_bytes(), functools.partial(_open, path))
    log.warning("%s %s", path, loss)
    return image


@functools.cache
def _reads_heif() -> bool:
    """Register HEIC with Pillow if pi-heif or pillow-heif is installed; return whether it is."""
    try:
        from pi_heif import register_heif_opener
    except ImportError:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return False
    register_heif_opener()
    return True


@functools.cache
def _reads_jxl() -> bool:
    """Register JPEG XL with Pillow if its plugin is installed; return whether it is."""
    try:
        import pillow_jxl  # noqa: F401  it registers itself
    except ImportError:
        return False
    return True


def _reads(name: str) -> bool:
    Image.init()
    return name in Image.OPEN
