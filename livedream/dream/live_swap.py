"""Changes of the settings while a dream runs, without a pause."""

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

    Controls that need preparation (see `Control.prepared`) are prepared on another thread while the dream continues
    with the old values; they change between two frames. All other controls change at the next frame.

    Only the thread that dreams may call it, between two frames.
    """

    def __init__(self, dreamer: Dreamer) -> None:
        self._dreamer = dreamer
        self._thread: threading.Thread | None = None
        self._made_for = dreamer.settings
        self._made: Future[Ascent] = Future()
        self._cores: ExitStack | None = None
        self._live = False
        self._thread_count = torch.get_num_threads()

    @contextmanager
    def sharing_cores(self, live: bool) -> Iterator[None]:
        """Context of the thread that dreams, see `Dreamer.sharing_cores`; inside, `apply` also updates the threads.

        The number of threads decides about the last bit of a gradient. It must follow from the settings of the current
        frame, not from those of the first one, or a resumed run would differ.
        """
        self._thread_count = torch.get_num_threads()
        with ExitStack() as cores:
            cores.enter_context(self._dreamer.sharing_cores(live))
            self._cores, self._live = cores, live
            try:
                yield
            finally:
                self._cores = None

    def apply(self, settings: DreamSettings) -> bool:
        """Change to `settings` as far as possible now.

        Returns:
            Whether all of them are in effect. If not, call it again before the next frame.

        Raises:
            ArgumentError: a network or layer does not exist. The dream is unchanged, here and below.
            WeightsError: the weights are missing or damaged.
        """
        previous = self._dreamer.settings
        is_done = self._apply(settings)
        if self._cores is not None and self._dreamer.settings != previous:
            self._cores.close()
            self._cores.enter_context(self._dreamer.sharing_cores(self._live))
        return is_done

    def apply_and_wait(self, settings: DreamSettings) -> None:
        """Change to `settings`, and wait for the preparation. Raises as `apply`."""
        while not self.apply(settings):
            wait([self._made])

    def prepare(self, settings: DreamSettings) -> None:
        """Start to prepare `settings` for a later `apply` without delay. Returns at once; `apply` raises the errors."""
        is_known = _prepared(settings) in (_prepared(self._dreamer.settings), _prepared(self._made_for))
        if not is_known and (self._thread is None or self._made.done()):
            self.close()
            self._begin(settings)

    def _apply(self, settings: DreamSettings) -> bool:
        current = self._dreamer.settings
        if _prepared(settings) == _prepared(current):
            if settings != current:
                self._dreamer.settings = settings
            return True
        unprepared = settings.replace(**_prepared(current))
        if unprepared != current:
            self._dreamer.settings = unprepared
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
        """Wait for the preparation that may still run."""
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
            # A new thread starts with the number of threads of the one that dreams.
            torch.set_num_threads(self._thread_count)
            made.set_result(self._dreamer.ascent_for(settings))
        except BaseException as error:  # noqa: BLE001  raised by `apply`
            made.set_exception(error)


def _prepared(settings: DreamSettings) -> dict[str, object]:
    """Return the values of all controls that need preparation."""
    return {name: getattr(settings, name) for name in _PREPARED}
