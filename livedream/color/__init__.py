"""Colour spaces: the conversion of images and videos to sRGB."""
