"""The machine and the library versions of a benchmark."""

import os
import platform
from importlib.metadata import version

import cv2
import torch

from livedream import __version__
from livedream.dream.compute.precision import processor


def machine() -> str:
    """Return processor, cores, operating system and GPU in one line."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, {gpu}"


def versions() -> dict[str, str]:
    """Return the versions of livedream, Python and the libraries that compute, decode and encode."""
    return {
        "livedream": __version__,
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "OpenCV": cv2.__version__,
        "PyAV": version("av"),
    }
