"""The files in the package are the ones that NOTICE describes, and the network is the one it says it is."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import livedream
from livedream import models

ASSETS = Path(livedream.__file__).parent / "assets"
# Indices in ILSVRC 2012's list of classes, as in any of its copies.
ESPRESSO = 967
CATS = {281, 282, 283, 284, 285}


@pytest.mark.parametrize("name", ["squeezenet.safetensors", "demo.mp4", "imagenet.txt"])
def test_notice_has_the_checksum_of(name: str) -> None:
    checksum = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()
    assert f"sha256 {checksum}" in (ASSETS / "NOTICE").read_text(encoding="utf-8")


def classify(picture: np.ndarray, name: str = "squeezenet") -> torch.Tensor:
    row = models.find_network(name)
    side = 227 if name == "squeezenet" else 224
    square = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX))
    x = torch.from_numpy(square.copy()).permute(2, 0, 1)[None] - torch.tensor(row.mean).view(1, 3, 1, 1)
    with torch.no_grad():
        return models.load(name)(x / torch.tensor(row.std).view(1, 3, 1, 1)).softmax(1)[0]


def test_network_sees_an_espresso() -> None:
    assert classify(data.coffee())[ESPRESSO] > 0.99


def test_network_sees_a_cat() -> None:
    seen = classify(data.chelsea())
    assert int(seen.argmax()) in CATS
    assert seen[sorted(CATS)].sum() > 0.9


def test_efficientnet_of_the_extra_sees_both() -> None:
    """With red and blue exchanged the espresso is 0.71, so this also holds the preprocessing."""
    assert classify(data.coffee(), "efficientnet_lite0")[ESPRESSO] > 0.85
    seen = classify(data.chelsea(), "efficientnet_lite0")
    assert int(seen.argmax()) in CATS
    assert seen[sorted(CATS)].sum() > 0.9
