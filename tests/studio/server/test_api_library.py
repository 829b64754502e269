"""The routes of the library, as a page and as a hostile client call them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from livedream.errors import LivedreamError
from livedream.studio.library.errors import UndecodableError
from livedream.studio.library.files import Files
from livedream.studio.library.jobs import Jobs
from livedream.studio.library.uploads import MOST_AT_ONCE, Uploads
from livedream.studio.server.api_library import router
from livedream.studio.server.errors import ApiError
from livedream.studio.session.looks import OwnPresets
from livedream.studio.studio import SLOW_THREADS
from tests.conftest import count_frames, write_clip
from tests.studio.library.parts import DEADLINE, PLENTY, SMALL, free, picture, wait_until
from tests.studio.running import Client


class Server:
    """An application with the routes of the library, and what they use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.space = PLENTY
        self.files = Files(folder / "studio")
        self.jobs = Jobs(self.files, folder / "studio" / "jobs", free=free)
        self.slow = ThreadPoolExecutor(SLOW_THREADS, "livedream-library")
        self.played = ""
        """The id of the file that is the live source."""
        self.own = OwnPresets(folder / "studio" / "presets")
        context: Any = SimpleNamespace(
            files=self.files,
            uploads=Uploads(self.files, most_bytes=1 << 20, free=lambda folder: self.space),
            jobs=self.jobs,
            slow=self.slow,
            session=SimpleNamespace(
                desk=SimpleNamespace(settings=SMALL, own_presets=self.own), plays=lambda id: id == self.played
            ),
        )
        app = FastAPI()
        app.include_router(router(context))

        async def refused(request: Request, error: Exception) -> JSONResponse:
            assert isinstance(error, ApiError)
            return JSONResponse(error.problem.model_dump(), error.status, error.headers)

        async def explained(request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"message": str(error), "hint": ""}, 409)

        app.add_exception_handler(ApiError, refused)
        app.add_exception_handler(LivedreamError, explained)
        self.app = app
        self.jobs.begin()
        self._runner = asyncio.Runner()
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://studio")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request, and wait for its answer."""
        return self._runner.run(self.client.request(method, path, **more))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.run(self.client.aclose())
        self._runner.close()
        self.jobs.close()
        self.slow.shutdown()

    def upload(self, path: Path, name: str | None = None) -> Any:
        return self.ask("POST", "/api/uploads", params={"name": name or path.name}, content=path.read_bytes())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.close()


def test_an_upload_is_listed_read_and_deleted(server: Server) -> None:
    path = picture(server.folder / "a.png", (640, 480))
    answer = server.upload(path, "Ferien <b>.png")
    assert answer.status_code == 201
    entry = answer.json()
    assert list(entry) == ["id", "name", "kind", "type", "bytes", "made", "width", "height", "seconds"]
    assert (entry["name"], entry["kind"], entry["bytes"]) == ("Ferien <b>.png", "upload", path.stat().st_size)
    assert server.ask("GET", "/api/files").json() == [entry]
    read = server.ask("GET", f"/api/files/{entry['id']}")
    assert read.content == path.read_bytes()
    assert read.headers["content-type"] == "image/png"
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["content-disposition"].startswith("inline")
    saved = server.ask("GET", f"/api/files/{entry['id']}", params={"download": 1})
    assert saved.headers["content-disposition"] == "attachment; filename*=utf-8''Ferien%20%3Cb%3E.png"
    small = server.ask("GET", f"/api/files/{entry['id']}/picture")
    assert small.headers["content-type"] == "image/jpeg"
    assert small.content[:3] == b"\xff\xd8\xff"
    assert server.ask("DELETE", f"/api/files/{entry['id']}").status_code == 204
    assert server.ask("GET", "/api/files").json() == []
    assert server.ask("DELETE", f"/api/files/{entry['id']}").status_code == 404


def test_a_part_of_a_file(server: Server) -> None:
    path = write_clip(server.folder / "a.mp4")
    id = server.upload(path).json()["id"]
    part = server.ask("GET", f"/api/files/{id}", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{path.stat().st_size}"
    assert server.ask("GET", f"/api/files/{id}", headers={"Range": "bytes=99999999-"}).status_code == 416
    wrong = server.ask("GET", f"/api/files/{id}", headers={"Range": "bytes=x"})
    assert (wrong.status_code, wrong.json()["message"]) == (400, "the range is not valid")


@pytest.mark.parametrize("id", ["upload-000000000000", "..", "%2e%2e%2fetc", "a" * 64, "a" * 65, "A"])
def test_what_is_not_there(server: Server, id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/picture"), ("DELETE", "")):
        answer = server.ask(method, f"/api/files/{id}{path}")
        assert answer.status_code in (404, 422, 405)  # 422: the application answers it with 400
        assert b"root:" not in answer.content


def test_pages_and_drawings_are_never_kept(server: Server) -> None:
    for name, data in (("a.html", b"<script>alert(1)</script>"), ("a.svg", b"<svg onload='alert(1)'/>")):
        (server.folder / name).write_bytes(data)
        answer = server.upload(server.folder / name, "a.png")
        assert answer.status_code == 422
        assert answer.json()["message"] == "a.png is not a picture or film that the studio takes"
        assert answer.json()["hint"]
    assert server.ask("GET", "/api/files").json() == []


def test_too_large_by_its_announcement_and_by_its_bytes(server: Server) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * (1 << 16)

    headers = {"Content-Length": f"{(1 << 20) + 1}"}
    announced = server.ask("POST", "/api/uploads", params={"name": "a"}, content=b"x", headers=headers)
    assert (announced.status_code, announced.json()["message"]) == (413, "the file is too large")
    # Without a length, as with `Transfer-Encoding: chunked`.
    streamed = server.ask("POST", "/api/uploads", params={"name": "a"}, content=body())
    assert (streamed.status_code, streamed.json()["hint"]) == (413, "at most 1 MiB are accepted")
    assert list((server.files.folder / "uploads").iterdir()) == []


def test_no_space(server: Server) -> None:
    server.space = 1 << 30
    answer = server.upload(picture(server.folder / "a.png"))
    assert answer.status_code == 507
    assert "GiB" in answer.json()["hint"]


@pytest.mark.parametrize("query", ["", "?name=", f"?name={'x' * 256}"])
def test_a_name_is_needed(server: Server, query: str) -> None:
    assert server.ask("POST", f"/api/uploads{query}", content=b"x").status_code == 422


def test_an_upload_that_is_cut_off(server: Server) -> None:
    """The server sees that the client has gone."""
    messages = iter([{"type": "http.request", "body": b"x" * 10, "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/uploads",
        "raw_path": b"/api/uploads",
        "query_string": b"name=a.png",
        "headers": [],
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }
    server.run(server.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert list((server.files.folder / "uploads").iterdir()) == []


def test_uploads_that_do_not_arrive_make_room(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedream.studio.server.api_library.SILENCE_SECONDS", 0.5)
    data = picture(server.folder / "a.png").read_bytes()

    async def idle() -> AsyncIterator[bytes]:
        yield data[:1]
        await asyncio.sleep(3600)

    async def slow() -> AsyncIterator[bytes]:
        for number in range(4):
            yield data[number * len(data) // 4 : (number + 1) * len(data) // 4]
            await asyncio.sleep(0.2)

    def post(body: Any) -> Coroutine[Any, Any, httpx.Response]:
        return server.client.post("/api/uploads", params={"name": "a.png"}, content=body())

    async def all_of_them() -> list[httpx.Response]:
        return await asyncio.gather(*(post(idle) for _ in range(MOST_AT_ONCE)))

    for answer in server.run(all_of_them()):
        assert (answer.status_code, answer.headers["connection"]) == (408, "close")
        assert answer.json() == {"message": "the upload does not arrive", "hint": "try again"}
    assert server.run(post(slow)).status_code == 201
    assert [path.suffix for path in sorted((server.files.folder / "uploads").iterdir())] == [".json", ".png"]


def test_a_job(server: Server) -> None:
    uploaded = server.upload(write_clip(server.folder / "beach.mp4", frames=10)).json()
    made = server.ask("POST", "/api/jobs", json={"file": uploaded["id"], "preset": None})
    assert made.status_code == 201
    job = made.json()
    assert list(job) == [
        *("id", "file", "name", "look", "state", "share", "left", "text", "error", "result", "made"),
    ]
    assert (job["look"], job["name"]) == ("own", "beach.mp4")
    assert server.ask("DELETE", f"/api/files/{uploaded['id']}").status_code == 409

    def newest() -> Any:
        return server.ask("GET", "/api/jobs").json()[0]

    wait_until(lambda: newest()["state"] not in ("waiting", "running"))
    done = newest()
    assert (done["state"], done["error"]) == ("done", None)
    dream = server.ask("GET", f"/api/files/{done['result']}", params={"download": "true"})
    (server.folder / "dream.mp4").write_bytes(dream.content)
    assert count_frames(server.folder / "dream.mp4") == 10
    assert 'filename="beach-dream.mp4"' in dream.headers["content-disposition"]
    assert server.ask("GET", f"/api/files/{done['result']}/picture").status_code == 200
    assert server.ask("POST", f"/api/jobs/{job['id']}/stop").status_code == 409
    assert server.ask("DELETE", f"/api/files/{uploaded['id']}").status_code == 204
    assert server.ask("DELETE", f"/api/jobs/{job['id']}").status_code == 204
    assert server.ask("GET", "/api/jobs").json() == []
    assert server.ask("DELETE", f"/api/jobs/{job['id']}").status_code == 404


def test_presets_of_a_job(server: Server) -> None:
    server.own.save("mine", SMALL.replace(strength=1.5))
    stuck = server.upload(write_clip(server.folder / "first.mp4", frames=500)).json()["id"]
    for preset in ("coral", "mine"):
        job = server.ask("POST", "/api/jobs", json={"file": stuck, "preset": preset}).json()
        assert job["look"] == preset
        text = (server.folder / "studio" / "jobs" / job["id"] / "look.toml").read_text()
        assert ("strength = 1.5" in text) == (preset == "mine")
        server.ask("DELETE", f"/api/jobs/{job['id']}")
    for preset in ("nothing", "../presets/mine", str(server.folder / "studio" / "presets" / "mine.toml")):
        answer = server.ask("POST", "/api/jobs", json={"file": stuck, "preset": preset[:64]})
        assert answer.status_code == 404, preset
    assert server.ask("POST", "/api/jobs", json={"file": "upload-1", "preset": None}).status_code == 404
    for wrong in ({}, {"file": "../x"}, {"file": stuck, "weights": "x"}, {"file": 7}):
        assert server.ask("POST", "/api/jobs", json=wrong).status_code == 422


def test_stop_and_start(server: Server) -> None:
    id = server.upload(write_clip(server.folder / "a.mp4", frames=500)).json()["id"]
    job = server.ask("POST", "/api/jobs", json={"file": id}).json()["id"]
    assert server.ask("POST", f"/api/jobs/{job}/stop").json()["state"] == "stopped"
    assert server.ask("POST", f"/api/jobs/{job}/start").json()["state"] in ("waiting", "running")
    assert server.ask("DELETE", f"/api/jobs/{job}").status_code == 204
    for call in ("stop", "start"):
        assert server.ask("POST", f"/api/jobs/{job}/{call}").status_code == 404


def test_requests_do_not_wait_for_an_inspection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def inspect_file(*_: object) -> None:
        begun.set()
        assert ended.wait(DEADLINE)
        raise LivedreamError("inspected")

    monkeypatch.setattr("livedream.studio.library.uploads.inspect_file", inspect_file)
    data = picture(server.folder / "a.png").read_bytes()

    async def both() -> tuple[Any, Any]:
        uploading = asyncio.create_task(server.client.post("/api/uploads", params={"name": "a.png"}, content=data))
        await asyncio.to_thread(begun.wait, DEADLINE)
        listed = await server.client.get("/api/files")
        ended.set()
        return listed.json(), (await uploading).json()

    listed, answer = server.run(both())
    assert listed == []
    assert answer["message"] == "inspected"


def test_previews_and_inspections_keep_no_thread_of_the_pictures(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, names = threading.Event(), []

    def inspect_file(*_: object) -> None:
        names.append(threading.current_thread().name)
        assert ended.wait(DEADLINE)
        raise UndecodableError("inspected")

    for module in ("uploads", "previews"):
        monkeypatch.setattr(f"livedream.studio.library.{module}.inspect_file", inspect_file)
    write_clip(server.files.folder / "recordings" / "livedream-20261127-220101.mp4")
    kept = picture(server.files.folder / "snapshots" / "livedream-20261127-220101.png")
    assert server.ask("GET", f"/api/files/snapshot-{kept.stem[10:]}/picture").status_code == 200
    data = kept.read_bytes()

    async def all_of_them() -> list[int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))  # those of the pictures
        get, post = server.client.get, server.client.post
        asked = [get("/api/files/recording-20261127-220101/picture") for _ in range(14)]
        asked += [post("/api/uploads", params={"name": "a.png"}, content=data) for _ in range(MOST_AT_ONCE)]
        tasks = [asyncio.ensure_future(each) for each in asked]
        try:
            while len(names) < 2:
                await asyncio.sleep(0.01)
            async with asyncio.timeout(DEADLINE):
                for _ in range(10):
                    await asyncio.to_thread(int)
                # A preview that exists, and the end of a job, do not wait for the others either.
                assert (await get("/api/files/snapshot-20261127-220101/picture")).status_code == 200
                assert (await server.client.delete("/api/jobs/job-1")).status_code == 404
        finally:
            ended.set()
            answers = await asyncio.gather(*tasks)
        return [answer.status_code for answer in answers]

    assert server.run(all_of_them()) == [422] * (14 + MOST_AT_ONCE)
    assert all(name.startswith("livedream-library") for name in names)


def test_the_live_source_is_not_deleted(server: Server) -> None:
    server.played = server.upload(picture(server.folder / "a.png")).json()["id"]
    refused = server.ask("DELETE", f"/api/files/{server.played}")
    assert refused.status_code == 409
    assert refused.json() == {
        "message": "the file is the source of the live dream",
        "hint": "choose another source first",
    }
    server.played, id = "", server.played
    assert server.ask("DELETE", f"/api/files/{id}").status_code == 204


def test_a_browser_saves_an_upload_as_what_it_is(server: Server) -> None:
    id = server.upload(picture(server.folder / "a.png"), "page.html").json()["id"]
    saved = server.ask("GET", f"/api/files/{id}", params={"download": 1})
    assert saved.headers["content-disposition"] == 'attachment; filename="page.png"'


def test_an_upload_becomes_the_live_source(own_client: Client, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "beach.mp4", size=(96, 64), rate=25, frames=25)
    answer = own_client.http.post("/api/uploads", params={"name": film.name}, content=film.read_bytes())
    id = answer.json()["id"]
    own_client.put("/api/source", {"kind": "file", "id": id})
    assert own_client.refused("DELETE", f"/api/files/{id}", 409) == "the file is the source of the live dream"
    own_client.until(lambda state: state["phase"] == "running" and state["source"]["text"] == "beach.mp4 96x64, 25 fps")
    assert "livedream-player" in {thread.name for thread in threading.enumerate()}
    own_client.put("/api/source", {"kind": "demo", "id": ""})
    own_client.until(lambda state: state["phase"] == "running" and state["source"]["kind"] == "demo")
    assert own_client.http.delete(f"/api/files/{id}").status_code == 204
