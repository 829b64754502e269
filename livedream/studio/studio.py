"""A studio: the dream, its server, and everything between them."""

import contextlib
import functools
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livedream.errors import ArgumentError, SinkError
from livedream.hints import option
from livedream.sink.lock import OutputLock
from livedream.sink.sink import Sink
from livedream.studio.library.files import Files
from livedream.studio.library.jobs import Jobs
from livedream.studio.library.uploads import Uploads
from livedream.studio.media.broadcast import Broadcast
from livedream.studio.media.browser_camera import BrowserCameras
from livedream.studio.media.peers import Peers
from livedream.studio.pictures.preset_pictures import PresetPictures
from livedream.studio.server.access import Access
from livedream.studio.server.address import Address
from livedream.studio.server.app import make_app
from livedream.studio.server.certificate import certificate_for
from livedream.studio.server.clients import Clients
from livedream.studio.server.context import Context
from livedream.studio.server.hosts import Hosts, own_addresses
from livedream.studio.server.limits import WrongTokens
from livedream.studio.server.security import Gate
from livedream.studio.server.serving import bind, serving
from livedream.studio.session.choice import Offers, SourceChoice, public_name
from livedream.studio.session.heap import limit_arenas
from livedream.studio.session.history import Look
from livedream.studio.session.looks import all_presets
from livedream.studio.session.session import Folders, Session

SLOW_THREADS = 4
"""For the inspection of an upload, for a preview, and for calls that wait for the end of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioRequest:
    """What a studio is started with."""

    folder: Path
    """Where it keeps its files."""
    look: Look
    source: str | None = None
    """The source to begin with, as `open_source` takes it; None for the demo."""
    host: str = "127.0.0.1"
    port: int = 0
    https: bool = False
    token: str | None = None
    """A token that may be used again and again."""
    largest_upload: int = 512 << 20
    """Bytes."""
    window: Sink | None = None


@dataclass(frozen=True, slots=True)
class Studio:
    """A studio whose server runs."""

    session: Session
    address: Address
    access: Access
    fingerprint: str | None
    """SHA-256 of the certificate; None without HTTPS."""


@contextlib.contextmanager
def studio(request: StudioRequest) -> Iterator[Studio]:
    """Start the server of a studio inside the block; `Studio.session.run` dreams.

    Raises:
        SinkError: the address cannot be used, or the folder cannot be written.
        ArgumentError: the token is too short.
    """
    limit_arenas()  # before there are threads
    with contextlib.ExitStack() as stack:
        request.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(_alone_in(request.folder))
        bound = stack.enter_context(bind(request.host, request.port))
        address = Address(request.host, bound.getsockname()[1], request.https)
        access = Access(request.folder / "secret", request.token)
        cameras, broadcast = BrowserCameras(), Broadcast()
        files = Files(request.folder, on_change=lambda: clients.tell({"type": "files"}))
        session = _session(request, files, cameras, broadcast)
        clients = Clients(session.desk.publisher, session.note_pages)
        slow = ThreadPoolExecutor(SLOW_THREADS, "livedream-library")
        stack.callback(slow.shutdown, cancel_futures=True)
        jobs = Jobs(files, request.folder / "jobs", on_change=lambda: clients.tell(_told(jobs)))
        stack.callback(jobs.close)
        jobs.begin()
        preset_pictures = PresetPictures(
            lambda: session.newest_source, functools.partial(all_presets, session.desk.own_presets)
        )
        stack.callback(preset_pictures.close)
        peers = Peers(broadcast, cameras)
        wrong_tokens = WrongTokens()
        context = Context(
            session=session,
            clients=clients,
            access=access,
            address=address,
            wrong_tokens=wrong_tokens,
            peers=peers,
            files=files,
            uploads=Uploads(files, most_bytes=request.largest_upload),
            jobs=jobs,
            slow=slow,
            preset_pictures=preset_pictures,
        )
        app, hosts = make_app(context), _hosts(address)
        gate = Gate(app, hosts, access, wrong_tokens, secure=request.https, port=address.port)
        certificate = certificate_for(request.folder / "https", _names(address)) if request.https else None
        stack.enter_context(serving(gate, bound, certificate=certificate, on_end=peers.close_all))
        yield Studio(session, address, access, None if certificate is None else certificate.fingerprint)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder inside the block. Raises SinkError when another studio uses it."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"{folder} cannot be written", f"check the permissions, or choose another {option('folder')}")
    lock = OutputLock(folder / "studio")
    try:
        lock.acquire()
    except (SinkError, ArgumentError) as error:
        raise SinkError(f"another studio uses {folder}", f"end it, or choose another {option('folder')}") from error
    try:
        yield
    finally:
        lock.release()


def _session(request: StudioRequest, files: Files, cameras: BrowserCameras, broadcast: Broadcast) -> Session:
    def find(id: str) -> tuple[str, Path]:
        entry, path = files.find(id)
        return entry.name, path

    offers = Offers(
        given=request.source,
        file=find,
        files=lambda: {entry.id: entry.name for entry in files.list()},
        browser=cameras.open,
    )
    first = SourceChoice("demo", "", "demo video")
    if request.source is not None:
        first = SourceChoice("given", "", public_name(request.source))
    return Session(offers, first, request.look, Folders(request.folder), broadcast, window=request.window)


def _told(jobs: Jobs) -> dict[str, Any]:
    """Return the message that tells the pages of the jobs."""
    return {"type": "jobs", "jobs": [job.model_dump(mode="json") for job in jobs.list()]}


def _hosts(address: Address) -> Hosts:
    return Hosts(address.host, address.port, address.scheme, own_addresses())


def _names(address: Address) -> list[str]:
    """Return the names and addresses that a certificate has to vouch for."""
    return ["localhost", "127.0.0.1", socket.gethostname(), *own_addresses()]
