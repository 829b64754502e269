"""The suffixes of image and video files, in lower case: what can be read, and what can be written."""

from collections.abc import Mapping
from typing import Any

IMAGE_SUFFIXES_IN = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".avifs", ".heic", ".heif", ".hif"),
    *(".jxl", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".jpf"),
    *(".jpx", ".ico", ".qoi", ".psd", ".dds", ".pcx"),
)
"""What can be read. Some of these files hold a video: only the content tells, see `livedream.capture.kind`."""
SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    ".png": {"compress_level": 3},  # a third of the time of the default 6, files a few per cent larger
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 90},
    ".tif": {"compression": "tiff_deflate"},
    ".tiff": {"compression": "tiff_deflate"},
}
"""The types of image files that can be written, and Pillow's options for each."""
IMAGE_SUFFIXES_OUT = tuple(SAVE_OPTIONS)
RAW = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".x3f", ".3fr", ".iiq", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".gpr"),
)
"""Raw files of cameras, which are refused: Pillow and FFmpeg find only the thumbnail in many of them."""
CONTAINERS: dict[str, tuple[str, ...]] = {
    ".mp4": ("h264", "h265", "av1", "vp9"),
    ".mov": ("h264", "h265", "prores"),
    ".mkv": ("h264", "h265", "av1", "vp9", "prores", "ffv1"),
    ".webm": ("vp9", "av1"),
    ".gif": ("gif",),
}
"""The types of video files that can be written, and the codecs that each can contain; `auto` takes the first."""
VIDEO_SUFFIXES = tuple(CONTAINERS)
