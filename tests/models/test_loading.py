"""Official weights: in the package, from torch's cache, and downloaded."""

import hashlib
import pickle
import urllib.error
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights

from livedream import models
from livedream.errors import ArgumentError, WeightsError
from livedream.models.loading import _CHECKPOINTS
from livedream.steps import StepReport
from tests.networks import random_network

NAME = "squeezenet1_1"
FILE = "squeezenet1_1-b8a52dc0.pth"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Return torch's folder of checkpoints, empty, on a machine without a connection."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def offline(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_the_hint_for_an_unknown_network_lists_the_closest() -> None:
    with pytest.raises(ArgumentError) as caught:
        models.load("vgg61")
    assert "vgg61" in str(caught.value)
    assert "vgg16" in caught.value.hint


@pytest.mark.parametrize(("name", "file"), [(NAME, FILE), ("mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth")])
def test_weights_are_loaded_from_the_cache_of_torch(name, file, cache) -> None:
    network = random_network(name)
    assert not models.has_weights(name)
    torch.save(network.state_dict(), cache / file)
    assert models.has_weights(name)
    loaded = models.load(name).state_dict()
    assert all(torch.equal(weight, loaded[key]) for key, weight in network.state_dict().items())


def test_without_a_network_connection_the_missing_file_is_named(cache) -> None:
    with pytest.raises(WeightsError) as caught:
        models.load(NAME)
    assert f"{FILE} (4.7 MB), which cannot be downloaded: no route to host" in str(caught.value)
    assert str(cache / FILE) in caught.value.hint
    assert "https://download.pytorch.org/models/" in caught.value.hint


@pytest.mark.parametrize("name", [row.name for row in models.network_table() if not row.embedded])
def test_every_other_network_has_an_address_of_its_weights(name, cache) -> None:
    published = next(iter(get_model_weights(name)))
    assert published.url == f"https://download.pytorch.org/models/{models.weights_file(name).name}"
    assert not models.has_weights(name)


def test_embedded_networks_need_no_network_connection(cache) -> None:
    embedded = [row for row in models.network_table() if row.embedded]
    assert [row.name for row in embedded] == ["efficientnet_lite0", "squeezenet"]
    assert models.network_table()[: len(embedded)] == embedded  # first in every list
    assert models.DEFAULT == "efficientnet_lite0"
    for row in embedded:
        assert models.has_weights(row.name)
        assert not any(parameter.is_meta for parameter in models.load(row.name).parameters())
    assert list(cache.iterdir()) == []


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a function that publishes bytes at an address to download from, under a name with their hash."""

    def publish(content: bytes, digits: str) -> Path:
        source = tmp_path / f"{NAME}-{digits}.pth"
        source.write_bytes(content)
        monkeypatch.setattr("livedream.models.loading._PUBLISHED", f"{tmp_path.as_uri()}/")
        monkeypatch.setitem(_CHECKPOINTS, NAME, source.name)
        return tmp_path / "hub" / "checkpoints" / source.name

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return publish


def test_download_is_checked_and_kept(published, tmp_path) -> None:
    network = random_network(NAME)
    torch.save(network.state_dict(), tmp_path / "made.pth")
    content = (tmp_path / "made.pth").read_bytes()
    target = published(content, hashlib.sha256(content).hexdigest()[:8])
    reports: list[StepReport] = []
    loaded = models.load(NAME, on_step=reports.append).state_dict()
    assert all(torch.equal(weight, loaded[key]) for key, weight in network.state_dict().items())
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == content
    size = len(content) / 1e6
    assert [report.share for report in reports] == sorted(report.share for report in reports)
    assert reports[-1] == StepReport(f"downloading {NAME}", size, size, "MB", 1.0)


def test_download_into_a_folder_that_cannot_be_made_is_one_error(published) -> None:
    target = published(b"", "b8a52dc0")
    target.parent.parent.write_text("a file")
    with pytest.raises(WeightsError, match=r"which cannot be downloaded: .*hub"):
        models.load(NAME)


def test_a_stopped_download_leaves_nothing(published) -> None:
    def end(report: StepReport) -> None:
        raise KeyboardInterrupt

    target = published(bytes(300_000), "b8a52dc0")
    with pytest.raises(KeyboardInterrupt):
        models.load(NAME, on_step=end)
    assert list(target.parent.iterdir()) == []


def test_a_download_without_a_progress_callback_is_logged(published, caplog) -> None:
    published(b"<html>Please log in</html>", "b8a52dc0")
    with pytest.raises(WeightsError):
        models.load(NAME)
    assert caplog.messages[0].startswith(f"downloading {NAME} from file:")


def test_download_of_something_else_is_refused_and_not_kept(published) -> None:
    target = published(b"<html>Please log in</html>", "b8a52dc0")
    with pytest.raises(WeightsError, match="cannot be downloaded: invalid hash value"):
        models.load(NAME)
    assert list(target.parent.iterdir()) == []


def test_damaged_weights_are_reported_in_one_line(cache) -> None:
    (cache / FILE).write_bytes(b"not weights")
    with pytest.raises(WeightsError, match=r"squeezenet1_1-b8a52dc0\.pth is damaged") as caught:
        models.load(NAME)
    assert "\n" not in str(caught.value)
    assert caught.value.hint == "delete it and try again"


def test_code_in_a_weights_file_is_not_run(cache, tmp_path) -> None:
    trap = tmp_path / "ran"
    (cache / FILE).write_bytes(pickle.dumps(Trap(trap), protocol=2))
    with pytest.raises(WeightsError, match=r"squeezenet1_1-b8a52dc0\.pth is damaged"):
        models.load(NAME)
    assert not trap.exists()


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)
