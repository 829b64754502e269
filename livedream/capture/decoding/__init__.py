"""Video files as FFmpeg decodes them: timestamps, colors, orientation, damage."""
