"""How many threads the network and OpenCV take."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


@contextmanager
def sharing_cores() -> Iterator[None]:
    """Inside, this thread's network and OpenCV leave a core to the threads that decode, look, compose and encode.

    To be entered by the thread that dreams. On two cores the network then works on one alone: a step of a stream takes
    a third longer, but nothing waits for a thread that another keeps from its core (8 ms a layer were seen), and films
    of 1280x720 are dreamt at 56 frames per second instead of 50.
    """
    network, opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(max(1, network - 1))
    cv2.setNumThreads(max(1, opencv - 1))
    try:
        yield
    finally:
        torch.set_num_threads(network)
        cv2.setNumThreads(opencv)
