"""Where a frame is dreamt: on the CPU, or on a GPU."""
