"""Workers on Ray: actors that keep the network loaded, and dream one shard after another.

They get the address of a manifest and a number, never frames: what they dream is in the store, so a worker, a machine
or the driver may be lost at any time.
"""

import contextlib
import importlib.util
import io
import logging
import os
import secrets
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from livedream.errors import ArgumentError, DeviceError, LivedreamError
from livedream.farm.manifest import Machine

if TYPE_CHECKING:
    from livedream.farm.shard import ShardDreamer
    from livedream.pipeline import Report

CONNECT_SECONDS = 10.0
STARTS = 3
"""How many workers may end in a row before they are ready, until it is the fault of all."""
_log = logging.getLogger(__name__)
_INSTALL = 'pip install "livedream[farm]"'


class NoRayError(LivedreamError):
    """Ray is not installed, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a shard that a worker has tried."""

    number: int
    error: str = ""
    """The message; empty if the shard is complete."""
    hint: str = ""
    fatal: bool = False
    """Whether every other shard would fail likewise: versions differ, or there is no such device."""
    busy: bool = False
    """Whether another process still dreams this shard."""


class Worker:
    """Dreams shards of one manifest; the actor. place: of the manifest."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._dreamer: ShardDreamer | None = None
        self._frames = 0

    def ready(self) -> int:
        """Return the number of the process, once the actor runs."""
        return os.getpid()

    def frames(self) -> int:
        """Return how many frames of the present shard are dreamt."""
        return self._frames

    def dream(self, number: int) -> Outcome:
        """Dream a shard. It raises nothing: exceptions of livedream do not survive the way to the driver."""
        from livedream.farm.shard import BusyShardError, ShardDreamer
        from livedream.farm.workspace import open_workspace
        from livedream.faults import explain

        self._frames = 0

        def on_report(report: "Report") -> None:
            self._frames = report.dreamt

        try:
            if self._dreamer is None:
                self._dreamer = ShardDreamer(open_workspace(self._place))
            self._dreamer.dream(number, on_report)
        except BusyShardError as error:
            return Outcome(number, str(error), busy=True)
        except Exception as error:  # noqa: BLE001  the driver decides
            fault = explain(error)
            fatal = self._dreamer is None and isinstance(error, ArgumentError | DeviceError)
            return Outcome(number, fault.message, fault.hint, fatal=fatal)
        return Outcome(number)


@dataclass(slots=True)
class Hand:
    """A worker as the driver sees it."""

    name: str
    actor: Any
    ready: Any
    """The reference to the answer of `Worker.ready`; None once it has come."""
    number: int | None = None
    """The shard that it dreams."""
    task: Any = None
    """The reference to its outcome."""
    frames: int = 0
    asked: Any = None
    """The reference to the answer of `Worker.frames`."""


@dataclass(slots=True)
class Event:
    """What has happened to a worker."""

    hand: Hand
    outcome: Outcome | None
    """What it has returned; None if it has ended."""


def require_ray() -> None:
    """Raise NoRayError if Ray is not installed. It does not load it."""
    if importlib.util.find_spec("ray") is None:
        raise NoRayError("Ray is not installed", _INSTALL)


@contextlib.contextmanager
def ray_session(address: str | None, processors: int) -> Iterator[None]:
    """Connect to a cluster of Ray inside the block; without an address, to one that is started on this machine.

    Raises NoRayError.
    """
    # Before Ray is imported: it reads them once.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        # As Ray does on macOS and Windows. Without it, Ray 2.60 puts the address of the network card in place of
        # 127.0.0.1 and listens on all interfaces.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise NoRayError("Ray is not installed", _INSTALL) from error
    if address is not None:
        _check_answer(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": processors, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    # Ray prints on standard output when a worker is lost, also without log_to_driver.
    with contextlib.redirect_stdout(_ToLog()):
        _init(ray, address, options)
        try:
            yield
        finally:
            ray.shutdown()


class _ToLog(io.TextIOBase):
    """A stream whose lines go to the log."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                _log.info("%s", line.strip())
        return len(text)


def _init(ray: Any, address: str | None, options: dict[str, Any]) -> None:
    # Ray 2.60 sometimes fails to start its server for a client (ray-project/ray#63202): on a busy machine, 2 of 22 new
    # clusters refused the first connection after 40 seconds, and took the second.
    tries = 2 if address is not None and address.startswith("ray://") else 1
    for last in (number == tries for number in range(1, tries + 1)):
        try:
            with warnings.catch_warnings(), _own_signals():
                warnings.simplefilter("ignore")
                ray.init(address=address or "local", **options)
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            if not last:
                _log.info("trying again to connect to %s: %s", address, lines[0])
                continue
            where = "on this machine" if address is None else f"at {address}"
            hint = "check that it runs, and RAY_AUTH_MODE and RAY_AUTH_TOKEN"
            raise NoRayError(f"Ray cannot be reached {where}: {lines[0]}", hint) from error
        return


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Give the handler of SIGTERM back after the block: that of Ray 2.60 prints its stack and ends with exit code 1."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ray leaves it alone, too
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def _check_answer(address: str) -> None:
    """Raise NoRayError if nobody listens at an address: Ray would try for minutes."""
    if address.startswith("ray://") and importlib.util.find_spec("grpc") is None:
        raise NoRayError(f"{address} needs the package grpcio", _INSTALL)
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise NoRayError(f"{address} is not an address: {error}", "write HOST:6379 or ray://HOST:10001") from error
    if host is None or port is None:
        if address != "auto":
            raise NoRayError(f"{address} names no host and port", "write HOST:6379 or ray://HOST:10001")
        return
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise NoRayError(f"Ray cannot be reached at {address}: {reason}", "check that the cluster runs") from error


def needed(machine: Machine) -> str:
    """Return what a worker occupies: `1 GPU`, `4 cores`."""
    if machine.device == "cuda":
        return "1 GPU"
    return "1 core" if machine.threads == 1 else f"{machine.threads} cores"


@dataclass(slots=True)
class Crew:
    """The workers of a farm. It makes new ones in place of those that are lost, and when machines join.

    Actors are not restarted by Ray: the driver has to know that one has ended, to count how often a shard did that.
    """

    place: str
    """Of the manifest."""
    machine: Machine
    most: int | None = None
    """How many workers at most; None for as many as the cluster holds."""
    may_grow: bool = True
    """Whether machines may join later: then it waits for one with room for a worker."""
    hands: list[Hand] = field(default_factory=list)
    _made: int = 0
    _failed_starts: int = 0
    """How many workers in a row have ended before they were ready."""

    def fill(self, wanted: int) -> None:
        """Make workers, as many as there is room and work for. wanted: the number of shards that are not complete.

        Raises LivedreamError: there is no room for one, and there will be none.
        """
        import ray

        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # so in Ray
        if self.machine.device == "cuda":
            room = int(resources.get("GPU", 0))
            needs: dict[str, Any] = {"num_gpus": 1, "num_cpus": min(1, self.machine.threads)}
        else:
            room = int(resources.get("CPU", 0) // self.machine.threads)
            needs = {"num_cpus": self.machine.threads}
        if not room and not self.may_grow:
            text = f"this machine has no room for a worker, which needs {needed(self.machine)}"
            raise LivedreamError(text, "plan again with fewer threads, or for another device")
        room = min(room, wanted) if self.most is None else min(room, wanted, self.most)
        actor: Any = ray.remote(Worker)
        while len(self.hands) < room:
            self._made += 1
            made = actor.options(max_restarts=0, max_task_retries=0, max_concurrency=2, **needs).remote(self.place)
            self.hands.append(Hand(f"worker {self._made}", made, made.ready.remote()))

    @property
    def idle(self) -> list[Hand]:
        """The workers that are ready and dream nothing."""
        return [hand for hand in self.hands if hand.ready is None and hand.task is None]

    @property
    def alive(self) -> int:
        """How many workers are ready."""
        return sum(hand.ready is None for hand in self.hands)

    def start(self, hand: Hand, number: int) -> None:
        """Let a worker dream a shard."""
        hand.number, hand.frames, hand.asked = number, 0, None
        hand.task = hand.actor.dream.remote(number)

    def events(self, seconds: float) -> list[Event]:
        """Wait, at most some seconds, and return what has happened."""
        import ray

        pending = {}
        for hand in self.hands:
            for reference in (hand.ready, hand.task):
                if reference is not None:
                    pending[reference] = hand
        if not pending:
            time.sleep(seconds)
            return []
        come, _ = ray.wait(list(pending), num_returns=1, timeout=seconds)
        # Through ray:// they are equal to those that were asked for, not the same.
        return [event for reference in come if (event := self._event(pending[reference], reference)) is not None]

    def _event(self, hand: Hand, reference: Any) -> Event | None:
        import ray

        try:
            answer = ray.get(reference)
        except ray.exceptions.RayError as error:  # the actor, its process or its machine is gone
            self.hands.remove(hand)
            if reference == hand.ready:
                self._note_failed_start(error)
            return Event(hand, None)
        if reference == hand.ready:
            hand.ready, self._failed_starts = None, 0
            return None
        hand.task = hand.asked = None
        return Event(hand, answer)

    def _note_failed_start(self, error: Exception) -> None:
        """Raise LivedreamError if workers cannot start at all, as on machines without livedream."""
        self._failed_starts += 1
        if self._failed_starts >= STARTS and not self.alive:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            hint = "livedream[farm] must be installed on each machine of the cluster, and have memory to start"
            raise LivedreamError(f"{STARTS} workers in a row could not start: {lines[-1]}", hint) from error

    def ask(self) -> None:
        """Take the numbers of frames that have come, and ask for the next. It does not wait."""
        import ray

        for hand in self.hands:
            if hand.task is None:
                continue
            if hand.asked is None:
                hand.asked = hand.actor.frames.remote()
                continue
            come, _ = ray.wait([hand.asked], timeout=0)
            if come:
                with contextlib.suppress(ray.exceptions.RayError):  # `events` notices it
                    hand.frames = ray.get(hand.asked)
                hand.asked = None

    def dismiss(self) -> None:
        """End all workers at once; what they dream can be continued."""
        import ray

        for hand in self.hands:
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.kill(hand.actor)
        self.hands.clear()
