"""What is said of a track beside its content: language, title, default or forced or a comment, and tags of any kind."""

import re
from typing import Final

import av
from av.stream import Disposition

KEPT: Final = {
    "mp4": ("default", "dub", "comment", "forced", "hearing_impaired", "visual_impaired", "captions", "descriptions"),
    "mov": ("default",),
    "matroska": ("default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"),
    "webm": ("default", "forced"),
}
"""The dispositions that each container holds, by what ffprobe finds after FFmpeg 8 has written them."""
MEANT: Final = (*KEPT["matroska"], "captions", "descriptions", "lyrics", "karaoke", "clean_effects")
"""The dispositions that say what a track is for; the others belong to how a file is built."""
IMPLIED_BY: Final = {"captions": "hearing_impaired", "descriptions": "visual_impaired"}
OWN_TAGS: Final = re.compile(
    r"bps|duration|number_of_\w+|_statistics_.*|encoder|handler_name|vendor_id|creation_time|timecode|filename|mimetype"
    r"|source_id|reel_name|variant_bitrate|id3v2_priv.*",
    re.IGNORECASE,
)
"""What describes a file and not its content."""
NO_TITLE: Final = re.compile(r"handler|core media|iso media|\bmuxer\b|mainconcept|^\W*$", re.IGNORECASE)
"""What programs write as the name of a handler where nobody gave the track a title."""


def label(source: av.stream.Stream, target: av.stream.Stream, kind: str) -> list[str]:
    """Say of `target` what is said of `source`, and return what a container of `kind` cannot hold of it.

    An mp4 or mov has the title of a track as the name of its handler, which players show.
    """
    if kind not in KEPT:  # a GIF, in which there is nothing to say of the one track it has
        return []
    lost, keeps = [], KEPT[kind]
    meant = [name for name in MEANT if source.disposition & Disposition[name]]
    # An mp4 has one word for both (3GPP, "for the hard of hearing" with captions); the first one says it.
    meant = [name for name in meant if IMPLIED_BY.get(name) not in meant]
    target.disposition = Disposition(sum(Disposition[name] for name in meant if name in keeps))
    lost += [name.replace("_", " ") for name in meant if name not in keeps]

    is_mov = kind in ("mp4", "mov")
    if (title := title_of(source)) is not None:
        target.metadata["handler_name" if is_mov else "title"] = title
    language = source.metadata.get("language")
    if language and is_mov and not re.fullmatch("[a-z]{3}", language):  # ISO 639-2 in five bits a letter
        lost.append(f"language {language}")
    elif language:
        target.metadata["language"] = language
    for name, text in source.metadata.items():
        if name not in ("language", "title") and not OWN_TAGS.fullmatch(name.partition("-")[0]):
            target.metadata[name] = text
    return lost


def title_of(stream: av.stream.Stream) -> str | None:
    """Return the title of a track, None where nobody gave it one."""
    if title := stream.metadata.get("title"):
        return title
    handler = stream.metadata.get("handler_name", "")
    return handler if handler and not NO_TITLE.search(handler) else None
