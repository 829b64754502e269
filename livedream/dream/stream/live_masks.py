"""Live masks: where a person is, and where something moves, followed from frame to frame.

The person is searched for in every `EVERY`-th frame of a scene, on a thread of its own, and what was found comes into
use exactly `LATE` frames later, carried there by the optical flow. So the mask never depends on how fast a thread was,
and a film repeats bit for bit. In the first frame of a scene the search is waited for.

Motion is a memory in place: what moved stays in it, and fades.

All maps have the size `MASK_SHAPE`, stretched over the frame, whatever the working size is.
"""

import functools
import math
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

import cv2
import numpy as np

from livedream.dream.compute.threads import take_one_thread
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.mask import OF_PERSON
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.person import PERSON_SHAPE, find_person, is_somebody

MASK_SHAPE = PERSON_SHAPE
"""(height, width) of all maps here."""
EVERY = 5
"""Frames from the start of one search for a person to that of the next. On a film of the tests the IoU is 0.988 with 4,
0.987 with 5 and 0.985 with 6; played twice as fast, 0.980, 0.977 and 0.972."""
LATE = 2
"""Frames from the start of a search to the use of what it found; at most EVERY."""
WHOLE = 3
"""Searches from one of the whole frame to the next; those between look only around where the person is. They take half
the time and find the same: on a film of the tests the IoU is 0.98 either way, and a person at rest flickers half as
much."""

# What was found is sharpened by this factor about 0.5. With 2 a film of the tests has a soft IoU of 0.94, with 1 0.93.
_SHARPER = 2.0
# Share of a small difference to what was found that is made up, and the difference from which all of it is. So the mask
# of a person who stands flickers by a fifth less, and that of one who moves does not lag.
_LEAST_SHARE, _DIFFERS = 0.2, 0.5
# Seconds: in about this time the mask comes to what was found.
_BLEND = 0.05
# (height, width) at which the flow of a person is averaged, over how many pixels around each, and the weight of a place
# where the flow says nothing.
_FLOW_SHAPE, _REACH, _SILENT = (72, 128), 5, 0.15
# Far from all persons the flow counts as it is.
_LEAST_WEIGHT = 0.01
# Seconds without a person before the masks fade, and how long they take to fade, and to come back.
_PATIENCE, _FADE_OUT, _FADE_IN = 1.0, 1.0, 0.5
# Speeds, in heights of the frame per second, between which something begins to move.
_SLOW, _FAST = 0.02, 0.08
# Distrust of the flow, 0..1, between which a place that does not look as before counts as moved.
_DOUBT, _CHANGED = 0.35, 0.85
# Seconds: two frames further apart, as after a freeze, count as this far apart for speeds and fades.
_LONGEST_STEP = 0.5
# Seconds from frame to frame where their times do not tell.
_USUAL_STEP = 1 / 30


class Search:
    """A search for a person, on a thread that ends with it.

    A thread of its own for each, and one of torch's: sums on several would come out otherwise in the last bit.
    """

    def __init__(self, find: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> None:
        """find: find_person, or find_person_in_still."""
        self._found: Future[np.ndarray] = Future()
        self._thread = threading.Thread(target=self._work, args=(find, pixels), name="livedream-person")
        self._thread.start()

    def _work(self, find: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> None:
        try:
            take_one_thread()
            self._found.set_result(find(pixels))
        except BaseException as error:  # noqa: BLE001  whoever waits for the result raises it
            self._found.set_exception(error)

    def wait(self) -> None:
        """Wait until its thread has ended."""
        self._thread.join()

    def result(self) -> np.ndarray:
        """Return where the person is; wait for it if it is not known yet. Raises what the search raised."""
        self.wait()
        return self._found.result()


@dataclass(frozen=True, eq=False, slots=True)
class _Ended:
    """A search whose result is known."""

    found: np.ndarray

    def wait(self) -> None:
        pass

    def result(self) -> np.ndarray:
        return self.found


@dataclass(frozen=True, eq=False, slots=True)
class Person:
    """Where a person is in one frame."""

    shown: np.ndarray
    """float32 (h, w), 0..1."""
    wanted: np.ndarray
    """float32 (h, w), 0..1: what is shown tends to it."""
    presence: float
    """1 while somebody is there; it falls to 0 when nobody has been found for a while."""
    missing: float
    """Seconds since somebody was found; infinity where nobody has been in this scene."""
    age: int
    """Frames since the last search of the whole frame began."""
    search: Search | _Ended | None
    """The one whose result is not in use yet."""
    way: np.ndarray | None
    """float32 (*_FLOW_SHAPE, 2), in pixels of that map: from this frame back to the frame that was searched."""


@dataclass(frozen=True, eq=False, slots=True)
class MaskState:
    """What the live masks of one frame are, and all that those of the next are made from."""

    time: float
    """Of the frame, in seconds."""
    step: float
    """Seconds from the last frame to this one."""
    person: Person | None = None
    """None while nobody asks for it."""
    motion: np.ndarray | None = None
    """float32 (h, w), 0..1: 1 where something moves. None while nobody asks for it."""

    def coarse(self, kind: str) -> np.ndarray:
        """Return how much of a dream shows: float32 `MASK_SHAPE`, 0..1. kind: one of LIVE_MASKS that was wanted."""
        if kind in OF_PERSON:
            if self.person is None:
                raise ValueError(f"{kind} was not wanted")
            return self.person.shown if kind == "person" else 1 - self.person.shown
        if self.motion is None:
            raise ValueError(f"{kind} was not wanted")
        return self.motion if kind == "motion" else 1 - self.motion

    def presence(self, kind: str) -> float:
        """Return how far that mask holds, 0..1: less than 1 while nobody is found."""
        return self.person.presence if kind in OF_PERSON and self.person is not None else 1.0

    def finish(self) -> None:
        """Wait for the search that still runs, so that no thread is left behind."""
        if self.person is not None and self.person.search is not None:
            self.person.search.wait()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return it as arrays by name. A search that still runs is waited for."""
        arrays = {"mask_time": np.array([self.time, self.step])}
        if self.motion is not None:
            arrays["mask_motion"] = self.motion
        if (person := self.person) is not None:
            arrays["mask_person"] = np.stack([person.shown, person.wanted])
            arrays["mask_presence"] = np.array([person.presence, person.missing, person.age])
            if person.search is not None and person.way is not None:
                arrays["mask_search"] = person.search.result()
                arrays["mask_way"] = person.way
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "MaskState | None":
        """Return what `arrays` returned; None where no live mask is in it."""
        if "mask_time" not in arrays:
            return None
        person = None
        if "mask_person" in arrays:
            presence, missing, age = map(float, arrays["mask_presence"])
            search = _Ended(arrays["mask_search"]) if "mask_search" in arrays else None
            shown, wanted = arrays["mask_person"]
            person = Person(shown, wanted, presence, missing, int(age), search, arrays.get("mask_way"))
        time, step = map(float, arrays["mask_time"])
        return cls(time, step, person, arrays.get("mask_motion"))


def follow(
    state: MaskState | None,
    small: np.ndarray,
    flow: Flow | None,
    time: float,
    kinds: Collection[str],
    motion_seconds: float,
) -> MaskState:
    """Return the live masks of the next frame.

    Args:
        state: those of the frame before; None at the beginning of a stream.
        small: the frame, uint8 RGB (h, w, 3), of any size.
        flow: from the frame to the one before; None at the beginning of a scene.
        time: of the frame, in seconds.
        kinds: the masks that are wanted, of LIVE_MASKS.
        motion_seconds: in which the memory of motion fades to 1/e.
    """
    of_person = not set(kinds).isdisjoint(OF_PERSON)
    if state is not None and (flow is None or not of_person):
        state.finish()
    if state is None:
        state = MaskState(time, _USUAL_STEP)
    elif flow is None:
        state = MaskState(time, state.step)
    else:
        # The times of frames may stand still, or go back.
        state = replace(state, time=time, step=time - state.time if time > state.time else state.step)
    person = motion = None
    if of_person:
        seconds = min(state.step, _LONGEST_STEP)
        person = _begin(small) if state.person is None or flow is None else _carry(state.person, small, flow, seconds)
    if not set(kinds) <= set(OF_PERSON):
        motion = np.zeros(MASK_SHAPE, np.float32) if flow is None else _remember(state, flow, motion_seconds)
    return replace(state, person=person, motion=motion)


# The person


def _begin(small: np.ndarray) -> Person:
    result = Search(find_person, small).result()
    found, presence = _sharper(result), float(is_somebody(result))
    return Person(found, found, presence, 0.0 if presence else math.inf, 0, None, None)


def _carry(person: Person, small: np.ndarray, flow: Flow, seconds: float) -> Person:
    """Return `person` in the next frame, `seconds` later."""
    vectors = _flow_of(person.shown, flow)
    places = _places(vectors)
    shown, wanted = _moved(person.shown, places), _moved(person.wanted, places)
    age, search, way = person.age + 1, person.search, person.way
    missing = person.missing + seconds if person.missing else 0.0
    if search is not None and way is not None:
        way = cv2.add(_moved(way, cv2.add(_grid(_FLOW_SHAPE), vectors)), vectors)
        if age % EVERY == LATE % EVERY:
            result = search.result()
            if is_somebody(result):
                wanted, missing = _approach(wanted, _moved(_sharper(result), _places(way))), 0.0
            else:
                missing = max(missing, seconds)  # what was found last is held meanwhile
            search = way = None
    if age % EVERY == 0:
        age %= EVERY * WHOLE
        # Around where the person was last, the network is sure of what it would not take for one in the whole frame.
        find = find_person if age == 0 or missing else functools.partial(find_person, near=wanted)
        search, way = Search(find, small), np.zeros((*_FLOW_SHAPE, 2), np.float32)
    left = math.exp(-seconds / _BLEND)
    shown = cv2.addWeighted(shown, left, wanted, 1 - left, 0)
    if missing > _PATIENCE:
        presence = max(0.0, person.presence - seconds / _FADE_OUT)
    elif missing:
        presence = person.presence
    else:
        presence = min(1.0, person.presence + seconds / _FADE_IN)
    return Person(shown, wanted, presence, missing, age, search, way)


def _flow_of(person: np.ndarray, flow: Flow) -> np.ndarray:
    """Return the vectors of `flow` such that near a person all is carried as the person moves.

    What the background uncovers or hides at the edge would else drag the mask along. On a film of a person before a
    background that pans, the IoU of the mask is 0.95 with this, and 0.94 without.

    Returns:
        float32 (*_FLOW_SHAPE, 2), in pixels of that size.
    """
    wide, high = _FLOW_SHAPE[::-1]
    rows, columns = flow.confidence.shape
    across, down = cv2.split(cv2.resize(flow.vectors, (wide, high)))
    weights = cv2.pow(cv2.resize(person, (wide, high)), 3) * cv2.resize(flow.confidence, (wide, high))
    # Motion sets vectors to 0 where standing still explains the picture as well: inside a plain coat that moves, too.
    weights *= np.where((across == 0) & (down == 0), np.float32(_SILENT), np.float32(1))
    whole = _mean_around(weights) + np.float32(_LEAST_WEIGHT)
    averaged = [
        (_mean_around(values * weights) + values * np.float32(_LEAST_WEIGHT)) * np.float32(factor) / whole
        for values, factor in ((across, wide / columns), (down, high / rows))
    ]
    return cv2.merge(averaged)


def _mean_around(values: np.ndarray) -> np.ndarray:
    return cv2.blur(values, (2 * _REACH + 1, 2 * _REACH + 1), borderType=cv2.BORDER_REPLICATE)


def _places(vectors: np.ndarray) -> np.ndarray:
    """Return where each pixel of a mask was. vectors: float32 (*_FLOW_SHAPE, 2), in pixels of that map."""
    return cv2.scaleAdd(cv2.resize(vectors, MASK_SHAPE[::-1]), MASK_SHAPE[0] / _FLOW_SHAPE[0], _grid(MASK_SHAPE))


def _sharper(found: np.ndarray) -> np.ndarray:
    return np.clip(found * np.float32(_SHARPER) + np.float32(0.5 - 0.5 * _SHARPER), 0, 1)


def _approach(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return `wanted` nearer to `found`: a little where they differ little, all the way where they differ much."""
    difference = found - wanted
    slope = np.float32((1 - _LEAST_SHARE) / _DIFFERS)
    share = np.minimum(np.abs(difference) * slope + np.float32(_LEAST_SHARE), np.float32(1))
    return wanted + difference * share


def _moved(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    # One map carries x and y, which OpenCV's stubs do not know.
    return cv2.remap(  # type: ignore[call-overload]
        values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


@functools.cache
def _grid(shape: Shape) -> np.ndarray:
    """Return the place (x, y) of each pixel, float32 (h, w, 2). Not to be changed."""
    return np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(np.float32)


# Motion


def _remember(state: MaskState, flow: Flow, motion_seconds: float) -> np.ndarray:
    """Return the memory of motion, fading to 1/e in `motion_seconds`."""
    seconds = min(state.step, _LONGEST_STEP)
    across, down = cv2.split(cv2.resize(flow.vectors, MASK_SHAPE[::-1]))
    # By numpy: the last bit of cv2.magnitude (OpenCV 5.0) depends on where in memory the numbers lie.
    speed = np.sqrt(across * across + down * down) / np.float32(flow.confidence.shape[0] * seconds)
    doubt = 1 - cv2.resize(flow.confidence, MASK_SHAPE[::-1])
    moved = np.maximum(_smooth_step(speed, _SLOW, _FAST), _smooth_step(doubt, _DOUBT, _CHANGED))
    before = np.zeros(MASK_SHAPE, np.float32) if state.motion is None else state.motion
    return np.maximum(before * np.float32(math.exp(-state.step / motion_seconds)), moved)


def _smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and a smooth cubic between."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)
