"""How far a run is, shared by its threads."""

import threading
from collections.abc import Callable

from livedream.pipeline.thread_priority import give_way


class RunState:
    """What the threads of a run know of each other, and how they are made."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        """The first error, which the run raises at its end."""
        self.exhausted = False
        """Whether the source has ended by itself."""
        self.cut_short = False
        """Whether the run ends early: by an error, or because a user ended it."""
        self._lock = threading.Lock()

    def note(self, error: BaseException) -> None:
        """Note an error of any thread; the first one counts."""
        with self._lock:
            self.error = self.error or error
        self.cut_short = True

    def thread(self, name: str, work: Callable[[], None], gives_way: bool = False) -> threading.Thread:
        """Return a thread that notes what `work` raises.

        Args:
            name: what follows `livedream-` in its name.
            work: what it does.
            gives_way: whether the other threads of the run go first.
        """

        def body() -> None:
            try:
                if gives_way:
                    give_way()
                work()
            except BaseException as error:  # noqa: BLE001  the main thread raises it
                self.note(error)

        # A daemon, because a sink that is given up must not keep the program alive. All others are joined.
        return threading.Thread(target=body, name=f"livedream-{name}", daemon=True)
