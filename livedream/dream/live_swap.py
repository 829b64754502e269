"""Going over to other settings without a pause."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager

import torch

from livedream.dream.ascent import Ascent
from livedream.dream.dreamer import Dreamer
from livedream.settings import CONTROLS, DreamSettings

_PREPARED = [control.name for control in CONTROLS if control.prepared]


class SettingsSwap:
    """Changes the settings of a dreamer while it dreams.

    What has to be prepared (see Control) is made on another thread while the dream goes on as it was, and takes its
    place between two frames. All else holds from the next frame on.

    Called by the thread that dreams, between two frames.
    """

    def __init__(self, dreamer: Dreamer) -> None:
        self._dreamer = dreamer
        self._thread: threading.Thread | None = None
        self._made_for = dreamer.settings
        self._made: Future[Ascent] = Future()
        self._cores: ExitStack | None = None
        self._live = False
        self._threads = torch.get_num_threads()

    @contextmanager
    def sharing_cores(self, live: bool) -> Iterator[None]:
        """What the thread that dreams stays in, see Dreamer: inside, `to` also changes the share of the cores.

        The number of threads decides about the last bit of a gradient. It must follow from the settings of a frame, not
        from those of the first frame, or a resumed run would differ.
        """
        self._threads = torch.get_num_threads()
        with ExitStack() as cores:
            cores.enter_context(self._dreamer.sharing_cores(live))
            self._cores, self._live = cores, live
            try:
                yield
            finally:
                self._cores = None

    def apply(self, settings: DreamSettings) -> bool:
        """Go over to `settings` as far as that is possible now; returns whether it is done. Else call it again.

        Raises ArgumentError, once it is known, for a network or layer that does not exist, and WeightsError; the dream
        stays as it was.
        """
        before = self._dreamer.settings
        done = self._go(settings)
        if self._cores is not None and self._dreamer.settings != before:
            self._cores.close()
            self._cores.enter_context(self._dreamer.sharing_cores(self._live))
        return done

    def apply_and_wait(self, settings: DreamSettings) -> None:
        """Go over to `settings`, and wait for what has to be prepared. Raises as `to`."""
        while not self.apply(settings):
            wait([self._made])

    def prepare(self, settings: DreamSettings) -> None:
        """Prepare `settings`, to which `to` will go later without delay. Returns at once; `to` raises what fails."""
        ready = _prepared(settings) in (_prepared(self._dreamer.settings), _prepared(self._made_for))
        if not ready and (self._thread is None or self._made.done()):
            self.close()
            self._begin(settings)

    def _go(self, settings: DreamSettings) -> bool:
        now = self._dreamer.settings
        if _prepared(settings) == _prepared(now):
            if settings != now:
                self._dreamer.settings = settings
            return True
        quick = settings.replace(**_prepared(now))
        if quick != now:
            self._dreamer.settings = quick
        if self._thread is None:
            self._begin(settings)
        elif self._made.done():
            self.close()
            if _prepared(self._made_for) == _prepared(settings):
                self._dreamer.install(settings, self._made.result())
                return True
            self._begin(settings)
        return False

    def close(self) -> None:
        """Wait for what is being made."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _begin(self, settings: DreamSettings) -> None:
        self._made_for = settings
        self._made = Future()
        self._thread = threading.Thread(target=self._make, args=(self._made, settings), name="livedream-switch")
        self._thread.start()

    def _make(self, made: "Future[Ascent]", settings: DreamSettings) -> None:
        try:
            # A new thread begins with the share of the one that dreams.
            torch.set_num_threads(self._threads)
            made.set_result(self._dreamer.ascent_for(settings))
        except BaseException as error:  # noqa: BLE001  raised by `to`
            made.set_exception(error)


def _prepared(settings: DreamSettings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in _PREPARED}
