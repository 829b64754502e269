"""Mirror frames: left and right exchanged."""

import dataclasses

import cv2

from livedream.frame import Frame


def mirrored(frame: Frame) -> Frame:
    """Return `frame`, and its source if it has one, mirrored."""
    # 0.25 ms at 1280x720; a copy of numpy's pixels[:, ::-1] takes 8.
    source = None if frame.source is None else cv2.flip(frame.source, 1)
    return dataclasses.replace(frame, pixels=cv2.flip(frame.pixels, 1), source=source)
