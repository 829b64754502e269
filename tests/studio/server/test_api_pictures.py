"""The routes for pictures of presets, layers and channels."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import write_clip
from tests.studio.running import Client, running_studio, until


def test_layers_and_their_pictures(client: Client) -> None:
    """What auto stands for follows from the present settings: the preset live dreams fire8 of SqueezeNet."""
    found = client.get("/api/layers")
    assert found == client.get("/api/layers", params={"model": "squeezenet"})
    assert found["model"] == "squeezenet"
    row = next(row for row in found["channels"] if row["name"] == "puppy face")
    assert (row["objective"], row["layer"]) == ("puppy-face", "fire7")
    picture = client.http.get(row["picture"]["url"])
    assert picture.headers["content-type"] == "image/webp"
    assert client.get("/api/layers", params={"model": "vgg16"})["layers"][0]["picture"] is None


def test_a_network_that_does_not_exist(client: Client) -> None:
    message = client.refused("GET", "/api/layers", 400, params={"model": "squeezenot"})
    assert message == "unknown network: squeezenot"
    client.refused("GET", "/api/layers", 400, params={"model": "../squeezenet"})


@pytest.fixture
def own_client(tmp_path: Path) -> Iterator[Client]:
    """A client of a studio of its own: the worker of the pictures outlives a round."""
    with running_studio(tmp_path / "files", write_clip(tmp_path / "film.mp4", size=(160, 96), frames=50)) as client:
        yield client


def test_pictures_of_presets(own_client: Client) -> None:
    client = own_client
    assert client.get("/api/presets/pictures")["round"] == 0
    client.refused("GET", "/api/presets/neon/picture", 404)
    client.refused("GET", "/api/presets/Ne.on/picture", 400)
    began = client.post("/api/presets/pictures")
    presets = [row["name"] for row in client.get("/api/presets")]
    assert (began["round"], began["total"], began["trouble"]) == (1, len(presets), None)
    waiting = client.http.get(f"/api/presets/{presets[-1]}/picture")
    assert (waiting.status_code, waiting.json()) == (202, {"message": f"the picture of {presets[-1]} is being made"})
    ready = until(lambda: client.get("/api/presets/pictures")["ready"], 60)
    picture = client.http.get(f"/api/presets/{ready[0]}/picture", params={"round": 1})
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.content.startswith(b"\xff\xd8\xff")
    client.refused("GET", "/api/presets/none-such/picture", 404)
