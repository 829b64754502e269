"""Controls a dream while it runs, by the keys of a window."""
