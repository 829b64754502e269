"""What must be the same on each machine."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.errors import ArgumentError
from livedream.farm.machine import become, become_itself, differences
from livedream.farm.workspace import Workspace
from tests.farm.films import FFV1, planned


@pytest.fixture(scope="module")
def work(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return planned(tmp_path_factory.mktemp("plan"), film, seconds="9", options=FFV1)


def test_this_machine_is_the_one_of_the_plan(work: Workspace) -> None:
    assert differences(work.manifest.machine) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"processor": "AVX9"}, "the manifest was planned with the processor AVX9, here is "),
        ({"versions": {"torch": "1.0"}}, "the manifest was planned with torch 1.0, here is "),
        ({"versions": {"livedream": "0.1.0"}}, "the manifest was planned with livedream 0.1.0, here is "),
    ],
)
def test_another_machine_is_refused_unless_the_plan_allows_it(
    change: dict[str, object], message: str, work: Workspace, tmp_path: Path, capsys
) -> None:
    machine = dataclasses.replace(work.manifest.machine, **change)  # type: ignore[arg-type]
    manifest = dataclasses.replace(work.manifest, machine=machine)
    with pytest.raises(ArgumentError) as caught:
        become(manifest)
    assert str(caught.value).startswith(message)
    (tmp_path / "manifest.toml").write_text(manifest.text(), encoding="utf-8")
    assert main(["run", "--manifest", str(tmp_path), "--shard", "1/1"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    if "livedream" in message:
        assert main(["join", str(tmp_path)]) == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")
    become(dataclasses.replace(manifest, mixed=True))
    become_itself(manifest)


def test_a_process_dreams_with_the_threads_of_the_plan(work: Workspace) -> None:
    """In a process of its own: the number is that of a whole process."""
    program = f"""
import threading, torch, cv2
from livedream.dream.compute.precision import merging_pays
from livedream.dream.compute.threads import pin_threads, sharing_cores
from livedream.farm.machine import become, become_itself
from livedream.farm.workspace import open_workspace
import dataclasses
before = torch.get_num_threads()
work = open_workspace({work.store.place!r})
machine = dataclasses.replace(work.manifest.machine, threads=3, merging=True)
become(dataclasses.replace(work.manifest, machine=machine))
counts = []
def count():
    with sharing_cores():
        counts.append((torch.get_num_threads(), cv2.getNumThreads()))
thread = threading.Thread(target=count)
thread.start()
thread.join()
count()
counts.append(merging_pays(getattr(torch, machine.precision)))
become_itself(work.manifest)
counts.append(torch.get_num_threads() == before)
print(counts)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == "[(3, 3), (3, 3), True, True]\n"
