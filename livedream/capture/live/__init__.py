"""Live sources, which do not wait and may drop frames: cameras, network streams, the screen."""
