"""The frames of a stream in order: analysis, dream, live masks, quality, and what one frame leaves to the next."""
