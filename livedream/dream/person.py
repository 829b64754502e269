"""Where a person is in a frame: MediaPipe's selfie segmentation, landscape model."""

from importlib.resources import files

import cv2
import numpy as np

PERSON_SHAPE = (144, 256)
"""Height and width of the model's input and of its answer."""


def find_person(pixels: np.ndarray) -> np.ndarray:
    """Return where a person is in a frame.

    Args:
        pixels: uint8 RGB (h, w, 3), of any size and shape.

    Returns:
        float32 (144, 256), 0..1, stretched over the whole frame.
    """
    model = (files("livedream") / "assets" / "selfie_segmentation_landscape.tflite").read_bytes()
    network = cv2.dnn.readNetFromTFLite(np.frombuffer(model, np.uint8))
    small = cv2.resize(pixels, PERSON_SHAPE[::-1], interpolation=cv2.INTER_AREA)
    network.setInput(cv2.dnn.blobFromImage(small, 1 / 255))
    return network.forward()[0, 0]


def find_person_in_still(pixels: np.ndarray) -> np.ndarray:
    """Return where a person is in a still: float32 (h, w), 0..1, of uint8 RGB (h, w, 3)."""
    return cv2.resize(find_person(pixels), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
