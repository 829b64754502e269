"""Weights files of other programs: accepted formats, and files that are refused in one line."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from livedream import models
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.objective.objective import channel, layer
from livedream.errors import ArgumentError, WeightsError
from tests.networks import random_network

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    return random_network("resnet50").state_dict()


def same(name: str, path: Path, state: State) -> bool:
    loaded = models.load(name, str(path)).state_dict()
    return all(torch.equal(loaded[key], state[key]) for key in loaded if not key.endswith("num_batches_tracked"))


def test_state_dict(state, tmp_path) -> None:
    torch.save(state, tmp_path / "mine.pth")
    assert same("resnet50", tmp_path / "mine.pth", state)


def test_safetensors_in_half_precision(state, tmp_path) -> None:
    halves = {name: weight.half() if weight.is_floating_point() else weight for name, weight in state.items()}
    save_file(halves, tmp_path / "mine.safetensors")
    expected = {name: weight.float() for name, weight in halves.items()}
    assert same("resnet50", tmp_path / "mine.safetensors", expected)
    assert all(
        p.dtype == torch.float32 for p in models.load("resnet50", str(tmp_path / "mine.safetensors")).parameters()
    )


def test_checkpoint_as_of_places365(state, tmp_path) -> None:
    """resnet50_places365.pth.tar: the state with an epoch and an architecture, `module.` in the names, 365 classes.

    Of before torch 0.4.1: batch norm does not count its batches.
    """
    places = {name: weight for name, weight in state.items() if not name.endswith("num_batches_tracked")}
    places |= {"fc.weight": torch.randn(365, 2048), "fc.bias": torch.randn(365)}
    wrapped = {f"module.{name}": weight for name, weight in places.items()}
    path = tmp_path / "resnet50_places365.pth.tar"
    torch.save({"epoch": 90, "arch": "resnet50", "state_dict": wrapped, "best_prec1": 54.65}, path)
    assert same("resnet50", path, places)
    network = models.load("resnet50", str(path))
    assert network.fc.out_features == 365  # type: ignore[union-attr]
    row = models.find_network("resnet50")
    assert DreamNetwork(network, row, channel(models.LOGITS, 364), "max").layers == ("logits",)
    with pytest.raises(ArgumentError, match="invalid channel 365: layer logits has 365 channels"):
        DreamNetwork(models.load("resnet50", str(path)), row, channel(models.LOGITS, 365), "max")


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"_orig_mod.{name}",
        lambda name: f"model.net.{name}",
        lambda name: name.replace("features.", "features.module."),
    ],
    ids=["compiled", "lightning", "one part on several GPUs"],
)
def test_prefixes_of_wrappers_are_removed(rename: Callable[[str], str], tmp_path) -> None:
    state = random_network("squeezenet1_1").state_dict()
    torch.save({rename(name): weight for name, weight in state.items()}, tmp_path / "mine.pth")
    assert same("squeezenet1_1", tmp_path / "mine.pth", state)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"epoch": 3, "net": state, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}},
        lambda state: {"loss": torch.tensor(0.5), "model_state": state, "ema": {}},
        lambda state: {"model": {"state_dict": state}},
    ],
    ids=["net", "beside a number", "two deep"],
)
def test_weights_are_found_in_training_checkpoints(wrap: Callable[[State], object], tmp_path) -> None:
    state = random_network("squeezenet1_1").state_dict()
    torch.save(wrap(state), tmp_path / "mine.pth")
    assert same("squeezenet1_1", tmp_path / "mine.pth", state)


def test_old_names_of_densenet_are_converted(tmp_path) -> None:
    """torchvision's own file still has them: norm.1 for norm1."""
    state = random_network("densenet121").state_dict()
    old = {}
    for name, weight in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if ".denselayer" in name:
                name = name.replace(part, f"{part[:-1]}.{part[-1]}")
        old[name] = weight
    assert set(old) != set(state)
    torch.save(old, tmp_path / "densenet121-a639ec97.pth")
    assert same("densenet121", tmp_path / "densenet121-a639ec97.pth", state)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_classifiers_are_ignored(name, tmp_path) -> None:
    from torchvision.models import get_model

    with torch.device("meta"):
        keys = set(get_model(name, init_weights=False).state_dict())
    state = random_network(name).state_dict()
    assert keys - set(state)
    torch.save({**state, **{key: torch.zeros(1) for key in keys - set(state)}}, tmp_path / "mine.pth")
    assert same(name, tmp_path / "mine.pth", state)


def test_file_without_a_classifier_dreams_of_layers(state, tmp_path, caplog) -> None:
    torch.save({name: weight for name, weight in state.items() if not name.startswith("fc.")}, tmp_path / "mine.pth")
    network = models.load("resnet50", str(tmp_path / "mine.pth"))
    assert "mine.pth has no classifier" in caplog.text
    assert not any(parameter.is_meta for parameter in network.parameters())
    assert DreamNetwork(network, models.find_network("resnet50"), layer("layer3"), "max").layers == ("layer3",)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("saved_by", ["torch", "pickle"])
def test_code_is_not_run(saved_by, protocol, tmp_path) -> None:
    path, trap = tmp_path / "mine.pth", tmp_path / "ran"
    holder = {"conv1.weight": Trap(trap)}
    if saved_by == "torch":
        torch.save(holder, path, pickle_protocol=protocol)
    else:
        path.write_bytes(pickle.dumps(holder, protocol))
    with pytest.raises(WeightsError) as caught:
        models.load("resnet50", str(path))
    assert not trap.exists()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < len(str(path)) + 200
    assert caught.value.hint


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_file_is_refused_wherever_it_ends(suffix, tmp_path) -> None:
    state = models.load("squeezenet").state_dict()
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"mine{suffix}"
    save_file(state, whole) if suffix == ".safetensors" else torch.save(state, whole)
    content = whole.read_bytes()
    for length in (0, 1, 7, 8, 100, 3000, len(content) // 2, len(content) - 1000, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"is damaged or not a weights file: .") as caught:
            models.load("squeezenet", str(path))
        assert "\n" not in str(caught.value)


def test_altered_bytes_raise_a_weights_error_or_nothing(tmp_path) -> None:
    """Only in the part that describes the content: altered weights cannot be recognised."""
    generator = torch.Generator().manual_seed(0)
    path = tmp_path / "mine.pth"
    torch.save({"conv1.weight": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    refused = 0
    for _ in range(300):
        places = torch.randint(0, len(content), (3,), generator=generator).tolist()
        changed = bytearray(content)
        for place in places:
            changed[place] = int(torch.randint(0, 256, (), generator=generator))
        path.write_bytes(changed)
        with pytest.raises(WeightsError):
            models.load("squeezenet", str(path))
        refused += 1
    assert refused == 300


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "resnet50",
            lambda state: {**state, "layer3.6.conv1.weight": torch.zeros(1)},
            "resnet50 has no layer3.6.conv1",
        ),
        ("resnet50", lambda state: {k: v for k, v in state.items() if k != "bn1.bias"}, "it has no bn1.bias"),
        (
            "resnet50",
            lambda state: {**state, "conv1.weight": torch.zeros(64, 3, 3, 3)},
            r"64 x 3 x 3 x 3, not 64 x 3 x 7 x 7",
        ),
        ("vgg16", lambda state: state, "belongs to another network than vgg16"),
        ("resnet50", lambda state: {"epoch": 3}, "contains no weights"),
        ("resnet50", lambda state: [1, 2], "contains no weights"),
        ("resnet50", lambda state: {"fc.weight": torch.tensor(1.0)}, "belongs to another network than resnet50"),
        (
            "resnet50",
            lambda state: {**state, "bn1.bias": torch.full((64,), torch.nan)},
            "contains NaN or infinite values in bn1.bias; the training may have diverged",
        ),
    ],
    ids=["more", "less", "other shape", "other network", "no weights", "a list", "a number", "not a number"],
)
def test_an_unusable_file_is_refused(name, change, message, state, tmp_path) -> None:
    torch.save(change(dict(state)), tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        models.load(name, str(tmp_path / "mine.pth"))
    assert "\n" not in str(caught.value)
    assert "--model" in caught.value.hint.command_line


def test_whole_network_saved_as_an_object_is_refused(tmp_path) -> None:
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"contains code \(torch\.nn\.modules\.conv\.Conv2d\), which is not run"):
        models.load("resnet50", str(tmp_path / "mine.pth"))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_network_compiled_with_its_code_is_refused(tmp_path) -> None:
    torch.jit.trace(torch.nn.Conv2d(3, 1, 1), torch.zeros(1, 3, 4, 4)).save(tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"it contains code \(TorchScript\), which is not run"):
        models.load("resnet50", str(tmp_path / "mine.pth"))


def test_the_weights_control_is_in_the_recipe_and_a_missing_file_is_reported_in_one_line(
    tmp_path, monkeypatch, capsys, photo
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(models.load("squeezenet").state_dict(), "mine.pth")
    options = ("--layers", "fire9", "--still-steps", "1", "--still-height", "64")
    assert main(["run", str(photo), "--weights", "mine.pth", *options]) == 0
    assert "squeezenet of mine.pth, fire9" in "".join(capsys.readouterr())
    recipe = photo.with_name("photo-dream.png")
    assert 'weights = "mine.pth"' in embedded_recipe(recipe)
    Path("mine.pth").unlink()
    assert main(["run", str(photo), "--to", "again.png", "--preset", str(recipe)]) == 1
    err = capsys.readouterr().err
    assert "error: no such weights file: mine.pth\nhint: " in err
    assert not Path("again.png").exists()


@pytest.fixture
def photo(tmp_path) -> Path:
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.linear_gradient("L").convert("RGB").resize((96, 64)).save(path)
    return path
