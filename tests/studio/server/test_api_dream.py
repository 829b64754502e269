"""What a page does with the dream, over HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from livedream import open_source
from livedream.presets import load_preset, parse_preset, preset_names
from livedream.settings import CONTROLS
from livedream.studio.session import session
from tests.conftest import count_frames
from tests.studio.running import SMALL, until


def test_the_state_is_that_of_the_dream(client) -> None:
    state = client.get("/api/state")
    assert state["settings"]["working_height"] == 64
    assert state["preset"] == "live"
    assert state["source"]["text"].endswith("160x96, 25 fps")
    assert (state["phase"], state["trouble"]) == ("running", None)


def test_every_control_is_in_the_table_and_in_the_state(client) -> None:
    rows = client.get("/api/controls")
    assert [row["name"] for row in rows] == [control.name for control in CONTROLS]
    steps = next(row for row in rows if row["name"] == "steps")
    assert (steps["kind"], steps["low"], steps["high"], steps["step"]) == ("integer", 1, 20, 1)
    mask = next(row for row in rows if row["name"] == "mask")
    assert (mask["kind"], mask["choices"][0], mask["low"]) == ("choice", "all", None)
    assert set(client.get("/api/state")["settings"]) == {row["name"] for row in rows}


def test_settings_change_the_dream(client) -> None:
    assert client.patch("/api/settings", {"strength": 0.0, "keep": 0.5})["settings"]["strength"] == 0.0

    def same() -> bool:
        frame = client.running.session.broadcast.newest.frame
        return bool((frame.pixels == frame.source).all())

    until(same)
    client.patch("/api/settings", {"strength": 4.0})
    until(lambda: not same())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"strength": 9}, "strength"),
        ({"strength": "much"}, "strength"),
        ({"strength": None}, "strength"),
        ({"stength": 1}, "stength"),
        ({"steps": 1.5}, "steps"),
        ({"mask": "everything"}, "mask"),
        ({"layers": "no-such-layer + ("}, "layers"),
        ({"layers": "fire6 + mask:/etc/passwd"}, "files"),
        ({"weights": "/etc/passwd"}, "weights"),
        ({"device": "cpu"}, "device"),
        ({"model": "../../etc"}, "network"),
    ],
)
def test_wrong_values_change_nothing(client, values, named) -> None:
    before = client.get("/api/state")["settings"]
    assert named in client.refused("PATCH", "/api/settings", 400, json={"strength": 0.5, **values})
    assert client.get("/api/state")["settings"] == before


def test_half_a_character_is_refused_in_words(client) -> None:
    for body in (b'{"\\ud800": 1}', b'{"model": "\\ud800"}', b'{"layers": "\\udc00"}'):
        client.refused("PATCH", "/api/settings", 400, content=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"strength": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(client, body) -> None:
    client.refused("PATCH", "/api/settings", 400, content=body, headers={"content-type": "application/json"})


def test_presets_fade_in_and_undo_brings_everything_back(client) -> None:
    rows = client.get("/api/presets")
    assert [row["name"] for row in rows] == preset_names()
    assert all(row["description"] for row in rows)
    client.patch("/api/settings", {"strength": 1.5})
    state = client.post("/api/preset", {"name": "neon"})
    assert (state["preset"], state["settings"]["strength"]) == ("neon", load_preset("neon").strength)
    assert state["preset_settings"]["layers"] == load_preset("neon").layers
    state = client.post("/api/undo")
    assert (state["preset"], state["settings"]["strength"], state["can_redo"]) == ("live", 1.5, True)
    assert client.post("/api/redo")["preset"] == "neon"
    client.post("/api/undo")
    assert client.post("/api/undo")["settings"]["strength"] == SMALL.strength
    while client.get("/api/state")["can_undo"]:
        client.post("/api/undo")
    assert "nothing to undo" in client.refused("POST", "/api/undo", 400)


def test_an_unknown_preset_is_refused(client) -> None:
    assert "no-such-look" in client.refused("POST", "/api/preset", 400, json={"name": "no-such-look"})
    client.refused("POST", "/api/preset", 400, json={"name": "../../etc/passwd"})
    client.refused("POST", "/api/preset", 400, json={"name": "film.toml"})


def test_the_look_travels_as_toml(client) -> None:
    client.patch("/api/settings", {"strength": 2.25, "layers": "fire6"})
    text = client.get("/api/look")
    assert parse_preset(text, "look").strength == 2.25
    client.post("/api/undo")
    client.http.put("/api/look", content=text)
    state = client.get("/api/state")
    assert (state["settings"]["strength"], state["settings"]["layers"], state["preset"]) == (2.25, "fire6", "shared")


@pytest.mark.parametrize(
    "text",
    [
        "strength = 99",
        "x = [",
        "weights = '/etc/passwd'",
        "layers = 'guide:/etc/passwd@fire6'",
        "strength = 1\x00",
        "a" * 60_000,
    ],
)
def test_a_look_from_elsewhere_is_checked(client, text) -> None:
    before = client.get("/api/state")["settings"]
    client.refused("PUT", "/api/look", 400, content=text)
    assert client.get("/api/state")["settings"] == before


def test_a_large_look_is_refused(client) -> None:
    client.refused("PUT", "/api/look", 413, content=b"#" * 70_000)


def test_own_presets_are_saved_and_deleted(client, tmp_path) -> None:
    client.patch("/api/settings", {"strength": 3.0})
    client.post("/api/looks", {"name": "my-look"})
    assert {"name": "my-look", "description": "", "own": True} in client.get("/api/presets")
    client.post("/api/preset", {"name": "neon"})
    assert client.post("/api/preset", {"name": "my-look"})["settings"]["strength"] == 3.0
    assert client.http.delete("/api/looks/my-look").status_code == 200
    client.refused("DELETE", "/api/looks/my-look", 404)
    client.refused("DELETE", "/api/looks/neon", 404)
    client.refused("POST", "/api/looks", 400, json={"name": "neon"})
    client.refused("POST", "/api/looks", 400, json={"name": "../x"})


def test_switches(client) -> None:
    assert client.put("/api/mirror", {"on": True})["mirrored"]
    assert client.put("/api/mirror", {"on": True})["mirrored"]  # not a toggle
    assert not client.put("/api/mirror", {"on": False})["mirrored"]
    assert client.put("/api/tour", {"on": True})["touring"]
    assert not client.put("/api/tour", {"on": False})["touring"]
    assert client.put("/api/freeze", {"on": True})["frozen"]
    client.put("/api/freeze", {"on": False})
    client.refused("PUT", "/api/mirror", 400, json={"on": "yes"})
    client.refused("PUT", "/api/mirror", 400, json={"on": True, "more": 1})


def test_a_snapshot_is_the_picture_with_its_recipe(client) -> None:
    client.patch("/api/settings", {"strength": 1.75})
    until(lambda: client.running.session.desk._controller.in_force.strength == 1.75)
    entry = client.post("/api/snapshot")
    assert (entry["kind"], entry["type"]) == ("snapshot", "image/png")
    path = next(client.running.session._folders.snapshots.glob("*.png"))
    with Image.open(path) as picture:
        assert picture.size == (160, 96)
    assert load_preset(path).strength == 1.75
    assert entry["id"] in {file["id"] for file in client.get("/api/files")}


def test_a_recording_holds_what_was_shown(client) -> None:
    state = client.put("/api/recording", {"on": True})
    assert state["recording"]["since"] <= time.time()
    newest = client.running.session.broadcast.newest.number
    until(lambda: client.running.session.broadcast.newest.number > newest + 20)
    assert client.put("/api/recording", {"on": False})["recording"] is None
    entry = until(lambda: next((file for file in client.get("/api/files") if file["kind"] == "recording"), None))
    data = client.http.get(f"/api/files/{entry['id']}")
    assert data.headers["content-type"] == "video/mp4"
    path = next(client.running.session._folders.recordings.glob("*.mp4"))
    assert path.read_bytes() == data.content
    assert count_frames(path) >= 10
    with open_source(path) as film:
        assert film.size == (160, 96)


def test_pages_hear_of_a_recording_when_it_can_be_played(client) -> None:
    client.put("/api/recording", {"on": True})
    newest = client.running.session.broadcast.newest.number
    until(lambda: client.running.session.broadcast.newest.number > newest + 5)
    before = {file["id"] for file in client.get("/api/files")}
    with client.events() as page:
        client.put("/api/recording", {"on": False})
        page.next("files")
        assert {file["kind"] for file in client.get("/api/files") if file["id"] not in before} == {"recording"}


def test_the_newest_picture(client) -> None:
    answer = client.http.get("/api/picture?view=source&width=80")
    assert answer.headers["content-type"] == "image/jpeg"
    client.refused("GET", "/api/picture?width=99999999", 400)
    client.refused("GET", "/api/picture?view=nothing", 400)


def test_on_a_full_disk_nothing_is_saved(client, monkeypatch) -> None:
    monkeypatch.setattr(session, "FREE_BYTES", 1 << 60)
    assert "disk is full" in client.refused("POST", "/api/snapshot", 507)
    assert "disk is full" in client.refused("PUT", "/api/recording", 507, json={"on": True})


def test_a_recording_ends_before_the_disk_is_full(client, monkeypatch) -> None:
    monkeypatch.setattr(session, "FREE_SECONDS", 0.1)
    client.put("/api/recording", {"on": True})
    monkeypatch.setattr(session, "FREE_BYTES", 1 << 60)
    state = client.until(lambda state: state["trouble"] and state)
    assert "the disk is full" in state["trouble"]["message"]
    assert state["recording"] is None


def test_snapshots_at_the_same_time_are_bounded_and_hold_nobody_up(client) -> None:
    with ThreadPoolExecutor(30) as many:
        statuses = list(many.map(lambda _: client.http.post("/api/snapshot").status_code, range(30)))
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 4


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/static/../session/session.py", "/static/..%2f..%2fsetup.py", "/etc/passwd"]
)
def test_there_is_nothing_else(client, path) -> None:
    client.refused("GET", path, 404)


def test_the_description_of_the_api_is_complete(client) -> None:
    document = client.get("/api")
    assert document["openapi"].startswith("3.")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], f"{method} {path}"
            assert {"401", "403", "421", "429"} <= set(operation["responses"]), f"{method} {path}"


def test_the_pages_are_there(client) -> None:
    for path in ("/", "/out", "/control", "/farm"):
        answer = client.http.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
