"""The desk: what can be done to a dream while it runs, by hotkeys today."""
