"""Our GoogLeNet matches torchvision's, without importing torchvision."""

import subprocess
import sys

import torch
from torchvision.models import get_model

from livedream import models
from livedream.models.fx_graph import outputs, trace
from tests.networks import random_network


def test_the_network_matches_torchvision() -> None:
    """Same layers, names and order, and the same output with the same weights."""
    ours = random_network("googlenet")
    with torch.device("meta"):
        theirs = get_model("googlenet", aux_logits=False, init_weights=False).eval()
    theirs.load_state_dict(ours.state_dict(), assign=True)
    picture = torch.rand(2, 3, 97, 70, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours(picture), theirs(picture))
    ours_traced, theirs_traced = trace(ours), trace(theirs)
    names = list(outputs(ours_traced.graph))
    assert names == list(outputs(theirs_traced.graph))
    assert "inception4c" in names


def test_the_network_does_not_import_torchvision() -> None:
    """Importing it takes longer than importing torch."""
    program = """
import sys
from livedream import models
models.build("googlenet"), models.has_weights("vgg16")
print("torchvision" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "False\n"


def test_other_numbers_of_classes() -> None:
    assert models.build("googlenet", 5).fc.out_features == 5  # type: ignore[union-attr]
