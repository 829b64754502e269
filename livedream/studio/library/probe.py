"""What a file contains, by its header alone."""

import logging
from pathlib import Path

from livedream.capture.decoding.container import length_of, open_video
from livedream.capture.decoding.video_track import video_tracks
from livedream.capture.kind import Kind, kind_of
from livedream.errors import LivedreamError
from livedream.formats.image_file import open_frames
from livedream.studio.library.entries import Facts

log = logging.getLogger(__name__)


def probe(path: Path, media_type: str) -> Facts:
    """Return what the header of the file at `path` says; sizes that it does not say are None. Never raises."""
    try:
        if kind_of(path) is not Kind.VIDEO:
            with open_frames(path) as image:
                film = kind_of(path) is Kind.ANIMATION
                return Facts(type=media_type, width=image.width, height=image.height, film=film)
        with open_video(path) as film_file:
            track = video_tracks(film_file, path.name)[0]
            length = length_of(film_file, track)
            seconds = None if length is None else float(length)
            return Facts(type=media_type, width=track.width, height=track.height, seconds=seconds, film=True)
    except LivedreamError as error:
        log.info("%s: %s", path, error)
        return Facts(type=media_type, film=media_type.startswith("video/"))
