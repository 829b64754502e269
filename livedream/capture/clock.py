"""The times of a film, made to increase."""


class Clock:
    """Times in ticks, from 0 where the film begins, each later than the one before.

    step: ticks from one frame to the next as a rule. first: what the film shows at its beginning. jump: a time that
    goes back further than this starts a new clock (joined films); one that goes back less is a slip.
    """

    def __init__(self, step: int, first: int, jump: int) -> None:
        self.mended = 0
        """How many times were missing, repeated or went back."""
        self._step = step
        self._shift = -first
        self._jump = jump
        self._last: int | None = None

    def read(self, ticks: int | None) -> int:
        """Return the time of the next frame, for the one that stands in the file."""
        if self._last is None:
            self.mended += ticks is None
            self._last = 0 if ticks is None else ticks + self._shift
            return self._last
        usual = self._last + self._step
        if ticks is None:
            self.mended += 1
            self._last = usual
        elif ticks + self._shift > self._last:
            self._last = ticks + self._shift
        else:
            self.mended += 1
            if self._last - (ticks + self._shift) > self._jump:
                self._shift = usual - ticks
                self._last = usual
            else:
                self._last += 1
        return self._last
