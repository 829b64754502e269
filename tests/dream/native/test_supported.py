"""Recorded passes are replayed on tested versions of torch only, unless LIVEDREAM_NATIVE overrides that."""

import logging

import pytest
import torch
from packaging.version import Version

from livedream.cli.main import main
from livedream.doctor import compute
from livedream.dream.native import supported
from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError
from tests.dream.native.test_replay import image_of, network_for, recordings
from tests.dream.without import needs_kernels


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> str:
    """Treat the installed torch as untested, and return its minor version."""
    monkeypatch.delenv(supported.VARIABLE, raising=False)
    monkeypatch.setattr(supported, "TRIED", ("0.1",))
    found = Version(torch.__version__)
    return f"{found.major}.{found.minor}"


@pytest.mark.parametrize(
    ("version", "chosen", "objection"),
    [
        ("2.14.1+cu130", "", ""),
        ("2.11.0", "", ""),
        ("2.14.0a0+git1234567", "", ""),
        ("2.15.0", "", "torch 2.15 is untested"),
        ("2.1.2", "", "torch 2.1 is untested"),
        ("3.14.0", "", "torch 3.14 is untested"),
        ("2.15.0", "1", ""),
        ("2.14.1", "1", ""),
        ("2.14.1", "0", "LIVEDREAM_NATIVE=0"),
    ],
)
def test_the_list_decides_and_the_variable_overrides_it(version: str, chosen: str, objection: str) -> None:
    assert supported.objection(version, {supported.VARIABLE: chosen}) == objection
    if not chosen:
        assert supported.objection(version, {}) == objection


def test_the_installed_torch_is_listed() -> None:
    """The test suite passes on it, so it belongs on the list."""
    assert supported.objection(torch.__version__, {}) == ""


def test_another_value_of_the_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(supported.VARIABLE, "yes")
    with pytest.raises(ArgumentError, match="LIVEDREAM_NATIVE must be 0 or 1, got 'yes'"):
        supported.objection()


@needs_kernels
@pytest.mark.parametrize(("chosen", "replayed"), [(None, False), ("1", True), ("0", False)])
def test_an_untested_torch_goes_layer_by_layer_to_the_same_gradient(
    chosen: str | None, replayed: bool, untried: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if chosen is not None:
        monkeypatch.setenv(supported.VARIABLE, chosen)
    caplog.set_level(logging.INFO)
    network, image = network_for("fire3"), image_of(64, 80)
    expected = network.native_gradient(image, parse("fire3"), is_repeated=False)
    found = network.native_gradient(image, parse("fire3"))
    assert expected is not None
    assert found is not None
    assert torch.equal(found, expected)
    (recording,) = recordings(network).values()
    assert (recording is not None) is replayed
    why = f"torch {untried} is untested" if chosen is None else "LIVEDREAM_NATIVE=0"
    assert (f"layer by layer: {why}" in caplog.text) is not replayed


@needs_kernels
def test_doctor_reports_an_untested_torch(untried: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compute.compiled()
    assert not found.ok
    assert not found.needed
    assert found.text.endswith(f"layer by layer, about half as fast: torch {untried} is untested")
    assert "LIVEDREAM_NATIVE=1" in found.hint
    monkeypatch.setenv(supported.VARIABLE, "1")
    assert compute.compiled().ok
    monkeypatch.setenv(supported.VARIABLE, "yes")
    assert compute.compiled().needed


@needs_kernels
def test_the_first_line_reports_an_untested_torch(
    untried: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "demo", "-t", "0.2", "-o", "null", "--device", "cpu", "--precision", "float32"]
    command += ["--model", "squeezenet", "--preset", "film", "--layers", "fire4", "--working-height", "32"]
    assert main(command) == 0
    said = f"cpu float32 layer by layer (torch {untried} is untested), squeezenet, fire4, working"
    assert capsys.readouterr().out.splitlines()[0].startswith(said)
    monkeypatch.setenv(supported.VARIABLE, "1")
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("cpu float32, squeezenet, fire4, working")
    monkeypatch.setenv(supported.VARIABLE, "yes")
    assert main(command) == 2
    assert "LIVEDREAM_NATIVE must be 0 or 1" in capsys.readouterr().err
