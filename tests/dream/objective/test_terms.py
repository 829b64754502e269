"""Five steps increase each kind of term on a real network, as greentfrapp/lucent tests its objectives."""

import itertools

import pytest
import torch
from PIL import Image
from skimage import data

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.objective.parser import parse


def climber(model: str, text: str) -> Ascent:
    network = models.load(model) if model == "squeezenet" else models.build(model)
    objective = parse(text)
    dreaming = DreamNetwork(network, models.find_network(model), objective, "max")
    return Ascent(dreaming.to_compute(torch.device("cpu"), torch.float32), objective)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("squeezenet", "fire6 - 0.2*fire4"),
        ("squeezenet", "mean(fire9)"),
        ("squeezenet", "mean(fire6:77)"),
        ("squeezenet", "neuron(fire5:196)"),
        ("squeezenet", "direction(fire9, 3, 77:0.5, 12)"),
        ("squeezenet", "class:goldfinch"),
        ("squeezenet", "guide:guide.png@fire6"),
        ("squeezenet", "0*fire2 - tv"),
        ("mobilenet_v3_large", "class:11"),
        ("mobilenet_v3_large", "guide:guide.png@features.6 + direction(features.6, 1, 2)"),
    ],
)
def test_five_steps_increase_the_value(model, text, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.coffee()[::2, ::2]).save("guide.png")
    torch.manual_seed(0)
    ascent = climber(model, text)
    x = torch.from_numpy(data.chelsea()[60:220, 60:252]).permute(2, 0, 1)[None].float()
    values = [ascent.loss(x)]
    for _ in range(5):
        x = ascent.step(x, (160, 192), (0, 0), 1.0)
        values.append(ascent.loss(x))
    assert values[-1] > values[0]
    assert sum(after > before for before, after in itertools.pairwise(values)) >= 3
    assert not any(parameter.grad is not None for parameter in ascent.network.parameters())
