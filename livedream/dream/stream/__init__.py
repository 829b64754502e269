"""What one frame of a stream leaves to the next: motion, residual, zoom, live masks."""
