"""Writes frames into video files, with the sound, subtitles and chapters of the source."""
