import pickle
import urllib.error
from pathlib import Path

import pytest
import torch

from livedream import models
from livedream.dream.network import layer_names
from livedream.errors import ArgumentError, WeightsError


@pytest.mark.parametrize("row", models.network_table(), ids=lambda row: row.name)
def test_recommended_layers_exist(row: models.Network) -> None:
    with torch.device("meta"):  # names need no numbers
        names = layer_names(models.build(row.name))
    assert {layer for layer, _ in row.layers} | {row.best} <= set(names)


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(ArgumentError) as caught:
        models.load("vgg61")
    assert "vgg61" in str(caught.value)
    assert "vgg16" in caught.value.hint


def test_weights_are_loaded_from_the_cache_of_torch(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    network = models.build("alexnet")
    (tmp_path / "checkpoints").mkdir()
    torch.save(network.state_dict(), tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth")
    loaded = models.load("alexnet").state_dict()
    assert all(torch.equal(weight, loaded[name]) for name, weight in network.state_dict().items())


def test_without_a_network_connection_the_missing_file_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))

    def offline(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", offline)
    with pytest.raises(WeightsError) as caught:
        models.load("alexnet")
    assert "alexnet-owt-7be5be79.pth (233 MB)" in str(caught.value)
    assert str(tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth") in caught.value.hint


def test_damaged_weights_are_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth is damaged") as caught:
        models.load("alexnet")
    assert "\n" not in str(caught.value)


def test_code_in_a_file_of_weights_is_not_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    trap = tmp_path / "ran"
    with (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").open("wb") as file:
        pickle.dump(Trap(trap), file, protocol=2)
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth is damaged"):
        models.load("alexnet")
    assert not trap.exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)
