"""The motion between frames, and what travels with it: optical flow, zoom, residual."""
