"""Frames in a window: OpenCV draws it, and the X11 parts do what OpenCV does not offer."""
