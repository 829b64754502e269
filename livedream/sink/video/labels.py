"""Copies the labels of a track: language, title, dispositions (default, forced, comment and so on) and other tags."""

import re
from typing import Final

import av
from av.stream import Disposition

SUPPORTED: Final = {
    "mp4": ("default", "dub", "comment", "forced", "hearing_impaired", "visual_impaired", "captions", "descriptions"),
    "mov": ("default",),
    "matroska": ("default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"),
    "webm": ("default", "forced"),
}
"""The dispositions that each container supports, by what ffprobe finds after FFmpeg 8 has written them."""
MEANINGFUL: Final = (*SUPPORTED["matroska"], "captions", "descriptions", "lyrics", "karaoke", "clean_effects")
"""The dispositions that say what a track is for; the others describe how a file is built."""
IMPLIED_BY: Final = {"captions": "hearing_impaired", "descriptions": "visual_impaired"}
OWN_TAGS: Final = re.compile(
    r"bps|duration|number_of_\w+|_statistics_.*|encoder|handler_name|vendor_id|creation_time|timecode|filename|mimetype"
    r"|source_id|reel_name|variant_bitrate|id3v2_priv.*",
    re.IGNORECASE,
)
"""Tags that describe a file and not its content."""
NO_TITLE: Final = re.compile(r"handler|core media|iso media|\bmuxer\b|mainconcept|^\W*$", re.IGNORECASE)
"""Handler names that programs write when a track has no title."""


def label(source: av.stream.Stream, target: av.stream.Stream, kind: str) -> list[str]:
    """Copy the labels of `source` to `target`, and return those that a container of `kind` cannot hold.

    In an mp4 or mov the title of a track is the name of its handler, which players show.
    """
    if kind not in SUPPORTED:  # a GIF, whose only track has no labels
        return []
    lost, supported = [], SUPPORTED[kind]
    dispositions = [name for name in MEANINGFUL if source.disposition & Disposition[name]]
    # An mp4 has one label for both (3GPP, "for the hard of hearing" with captions), which the first one sets.
    dispositions = [name for name in dispositions if IMPLIED_BY.get(name) not in dispositions]
    target.disposition = Disposition(sum(Disposition[name] for name in dispositions if name in supported))
    lost += [name.replace("_", " ") for name in dispositions if name not in supported]

    is_mov = kind in ("mp4", "mov")
    if (title := title_of(source)) is not None:
        target.metadata["handler_name" if is_mov else "title"] = title
    language = source.metadata.get("language")
    if language and is_mov and not re.fullmatch("[a-z]{3}", language):  # ISO 639-2, five bits per letter
        lost.append(f"language {language}")
    elif language:
        target.metadata["language"] = language
    for name, text in source.metadata.items():
        if name not in ("language", "title") and not OWN_TAGS.fullmatch(name.partition("-")[0]):
            target.metadata[name] = text
    return lost


def title_of(stream: av.stream.Stream) -> str | None:
    """Return the title of a track, or None."""
    if title := stream.metadata.get("title"):
        return title
    handler = stream.metadata.get("handler_name", "")
    return handler if handler and not NO_TITLE.search(handler) else None
