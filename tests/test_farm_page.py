"""The scripts, the YAML and the messages of docs/how-to/farm.md, as far as they can be tried without a cluster."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from livedream import __version__
from livedream.cli.main import livedream as cli
from tests.conftest import write_clip

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-to" / "farm.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
DOCUMENTS = [
    document for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for document in yaml.safe_load_all(block)
]
JOBS = {document["metadata"]["name"]: document["spec"] for document in DOCUMENTS if document.get("kind") == "Job"}
(SKY,) = (document for document in DOCUMENTS if "num_nodes" in document)
(RAY,) = (document for document in DOCUMENTS if "cluster_name" in document)


def understood(words: list[str]) -> None:
    name, *arguments = words
    # What is printed is the affair of the whole program.
    cli.commands[name].make_context(name, [word for word in arguments if word != "-q"])


@pytest.mark.parametrize("script", [*SCRIPTS, SKY["setup"], SKY["run"]])
def test_a_shell_understands_the_scripts(script) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for line in script.splitlines():
        for found in re.findall(r"\blivedream ((?:plan|run|join|farm) [^|'#]*)", line):
            understood(shlex.split(found))


@pytest.mark.skipif(sys.platform != "linux", reason="GNU xargs")
def test_the_commands_for_one_machine_make_the_films(tmp_path) -> None:
    (tmp_path / "films").mkdir()
    for name in ("one", "two"):
        write_clip(tmp_path / "films" / f"{name}.mp4", frames=3)
    script = next(script for script in SCRIPTS if script.startswith("livedream plan films/"))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dreams" / "one-dream.mp4").stat().st_size
    assert (tmp_path / "dreams" / "two-dream.mp4").stat().st_size


@pytest.mark.skipif(not shutil.which("xargs") or sys.platform != "linux", reason="GNU xargs")
def test_each_gpu_gets_one_process() -> None:
    (line,) = (line for script in SCRIPTS for line in script.splitlines() if "CUDA_VISIBLE_DEVICES" in line)
    words = shlex.split(line.partition("| ")[2])
    show = [*words[: words.index("livedream")], "sh", "-c", "sleep 0.2; echo $CUDA_VISIBLE_DEVICES"]
    done = subprocess.run(show, input="1\n2\n3\n4\n", capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == ["0", "1", "2", "3"]


def test_the_job_of_kubernetes_dreams_one_shard_in_each_pod() -> None:
    dream = JOBS["dream"]
    assert dream["completionMode"] == "Indexed"  # sets JOB_COMPLETION_INDEX
    assert dream["template"]["spec"]["restartPolicy"] == "Never"  # backoffLimitPerIndex demands it
    rules = dream["podFailurePolicy"]["rules"]
    assert rules[1]["onExitCodes"]["values"] == [2]
    assert f"completions: {dream['completions']}/completions: $shards/" in PAGE
    assert set(JOBS) == {"plan", "dream", "join"}
    for job in JOBS.values():
        (container,) = job["template"]["spec"]["containers"]
        understood(container["args"])
        assert container["image"].endswith(f"/livedream:{__version__}")
        (volume,) = job["template"]["spec"]["volumes"]
        assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"]]
    assert JOBS["plan"]["template"]["spec"]["nodeSelector"] == dream["template"]["spec"]["nodeSelector"]


def test_the_number_of_shards_is_taken_from_the_log() -> None:
    log = "finding scenes in one.mp4\nm.toml: 2 films, 31 scenes, 12 shards, 5040 frames\n3 shards of 12 begin inside\n"
    (filter_,) = re.findall(r"kubectl logs job/plan \| (sed .*)\)", PAGE)
    done = subprocess.run(["bash", "-c", filter_], input=log, capture_output=True, text=True, check=True)
    assert done.stdout == "12\n"


def test_the_nodes_of_skypilot_share_all_shards() -> None:
    taken: list[int] = []
    for rank in range(SKY["num_nodes"]):
        names = {"SKYPILOT_NODE_RANK": str(rank), "SKYPILOT_NUM_NODES": str(SKY["num_nodes"])}
        command = SKY["run"].partition("|")[0]
        environment = {**os.environ, **names, "SHARDS": str(SKY["envs"]["SHARDS"])}
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
        taken += map(int, done.stdout.split())
    assert sorted(taken) == list(range(1, SKY["envs"]["SHARDS"] + 1))


def test_the_cluster_of_ray_asks_for_its_token() -> None:
    assert RAY["max_workers"] == len(RAY["provider"]["worker_ips"])
    starts = [*RAY["head_start_ray_commands"], *RAY["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in starts if "ray start" in command)


def messages() -> list[str]:
    table = PAGE[PAGE.index("| message |") :]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_the_messages_are_those_of_the_program() -> None:
    """The words between the numbers, names and versions of each stand in a string of the package."""
    tasks = (ROOT / f"livedream/cli/tasks/{name}.py" for name in ("shards", "farm"))
    sources: Any = [*ROOT.glob("livedream/farm/*.py"), *tasks]
    text = re.sub(r"\{[^{}]*\}", "0", "".join(path.read_text(encoding="utf-8") for path in sources))
    examples = r"dreams/manifest\.toml|film\.mp4|AVX\w+|\d+(\.\d+)*|torch|the processor(?= AVX)|livedream(?= \d)|\.\.\."
    for message in messages():
        for words in re.split(examples, message.rstrip(". ")):
            assert words is None or words.strip(" .:") in text, message
    assert len(messages()) > 10
