"""Live masks: where a person is, and where something moves, tracked from frame to frame.

A person is searched for in every `EVERY`-th frame of a scene, on a separate thread. The result is used exactly `LATE`
frames later, after the optical flow has carried it there. So the mask does not depend on the speed of a thread, and a
video repeats bit for bit. Only the first frame of a scene waits for its search.

The motion mask remembers at each position that something moved there, and fades.

All maps have the shape `MASK_SHAPE`, stretched over the frame, whatever the working size is.
"""

import functools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from livedream.dream.image.octaves import Shape
from livedream.dream.image.person import PERSON_SHAPE, Search, find_person, is_somebody
from livedream.dream.motion.flow import Flow
from livedream.dream.objective.mask import OF_PERSON

MASK_SHAPE = PERSON_SHAPE
"""(height, width) of all maps in this module."""
EVERY = 5
"""Frames from the start of one search for a person to the next. On a video of the tests the IoU is 0.988 with 4, 0.987
with 5 and 0.985 with 6; at twice the speed it is 0.980, 0.977 and 0.972."""
LATE = 2
"""Frames from the start of a search to the use of its result; at most EVERY."""
WHOLE = 3
"""Every WHOLE-th search covers the whole frame; the others only the surroundings of the person. They take half the time
with the same result: on a video of the tests the IoU is 0.98 either way, and a person at rest flickers half as much."""

# Factor of the contrast of a search result, about 0.5. With 2 a video of the tests has a soft IoU of 0.94, with 1 0.93.
_SHARPER = 2.0
# A small difference to the search result is corrected by this share only, and a difference from _DIFFERS on completely.
# So the mask of a person at rest flickers by a fifth less, and that of a moving person does not lag.
_LEAST_SHARE, _DIFFERS = 0.2, 0.5
# Time constant, in seconds, with which the mask approaches the search result.
_BLEND = 0.05
# (height, width) at which the flow of a person is averaged; radius of the mean, in pixels; and the weight of positions
# without flow.
_FLOW_SHAPE, _RADIUS, _UNKNOWN_WEIGHT = (72, 128), 5, 0.15
# Added to all weights, so that far from all persons the flow remains as it is.
_LEAST_WEIGHT = 0.01
# Seconds without a person before the masks fade; seconds that they take to fade, and to return.
_PATIENCE, _FADE_OUT, _FADE_IN = 1.0, 1.0, 0.5
# Speeds, in frame heights per second, at which the motion mask is 0 and 1.
_SLOW, _FAST = 0.02, 0.08
# Values of (1 - confidence of the flow) at which the motion mask is 0 and 1, because the position looks different.
_DOUBT, _CHANGED = 0.35, 0.85
# Longest time between two frames, in seconds, that counts for speeds and fades, for example after a freeze.
_LONGEST_STEP = 0.5
# Seconds between two frames whose times do not increase.
_USUAL_STEP = 1 / 30


@dataclass(frozen=True, eq=False, slots=True)
class _Ended:
    """A search with a known result, for a restored state."""

    found: np.ndarray

    def wait(self) -> None:
        pass

    def result(self) -> np.ndarray:
        return self.found


@dataclass(frozen=True, eq=False, slots=True)
class Person:
    """The person in one frame."""

    shown: np.ndarray
    """float32 (h, w), 0..1: the mask that is shown."""
    wanted: np.ndarray
    """float32 (h, w), 0..1: the mask that `shown` approaches."""
    presence: float
    """1 while a person is there; it falls to 0 after a while without one."""
    missing: float
    """Seconds since a person was found last; infinity if there was none in this scene."""
    age: int
    """Frames since the start of the last search of the whole frame."""
    search: Search | _Ended | None
    """The search whose result is not used yet."""
    displacement: np.ndarray | None
    """float32 (*_FLOW_SHAPE, 2), in pixels of that map: from this frame back to the frame that was searched."""


@dataclass(frozen=True, eq=False, slots=True)
class MaskState:
    """The live masks of one frame, and everything that those of the next frame depend on."""

    time: float
    """Time of the frame, in seconds."""
    step: float
    """Seconds from the previous frame to this one."""
    person: Person | None = None
    """None if no mask needs it."""
    motion: np.ndarray | None = None
    """float32 (h, w), 0..1: 1 where something moves. None if no mask needs it."""

    def coarse(self, kind: str) -> np.ndarray:
        """Return how much of the dream is visible: float32 `MASK_SHAPE`, 0..1. kind: a requested one of LIVE_MASKS."""
        if kind in OF_PERSON:
            if self.person is None:
                raise ValueError(f"{kind} was not requested")
            return self.person.shown if kind == "person" else 1 - self.person.shown
        if self.motion is None:
            raise ValueError(f"{kind} was not requested")
        return self.motion if kind == "motion" else 1 - self.motion

    def presence(self, kind: str) -> float:
        """Return the weight of that mask, 0..1: less than 1 while no person is found."""
        return self.person.presence if kind in OF_PERSON and self.person is not None else 1.0

    def finish(self) -> None:
        """Wait for the search that may still run, so that no thread remains."""
        if self.person is not None and self.person.search is not None:
            self.person.search.wait()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by name, for checkpoints. Waits for a search that still runs."""
        arrays = {"mask_time": np.array([self.time, self.step])}
        if self.motion is not None:
            arrays["mask_motion"] = self.motion
        if (person := self.person) is not None:
            arrays["mask_person"] = np.stack([person.shown, person.wanted])
            arrays["mask_presence"] = np.array([person.presence, person.missing, person.age])
            if person.search is not None and person.displacement is not None:
                arrays["mask_search"] = person.search.result()
                arrays["mask_way"] = person.displacement
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "MaskState | None":
        """Return the state from which `arrays` was called; None if there is none among `arrays`."""
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
        state: of the previous frame; None at the beginning of a stream.
        small: the frame, uint8 RGB (h, w, 3), of any size.
        flow: from this frame to the previous one; None at the beginning of a scene.
        time: of the frame, in seconds.
        kinds: the requested masks, of LIVE_MASKS.
        motion_seconds: time in which the motion mask fades to 1/e.
    """
    of_person = not set(kinds).isdisjoint(OF_PERSON)
    if state is not None and (flow is None or not of_person):
        state.finish()
    if state is None:
        state = MaskState(time, _USUAL_STEP)
    elif flow is None:
        state = MaskState(time, state.step)
    else:
        # The times of frames may repeat, or decrease.
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
    positions = _positions(vectors)
    shown, wanted = _moved(person.shown, positions), _moved(person.wanted, positions)
    age, search, displacement = person.age + 1, person.search, person.displacement
    missing = person.missing + seconds if person.missing else 0.0
    if search is not None and displacement is not None:
        displacement = cv2.add(_moved(displacement, cv2.add(_grid(_FLOW_SHAPE), vectors)), vectors)
        if age % EVERY == LATE % EVERY:
            result = search.result()
            if is_somebody(result):
                wanted, missing = _approach(wanted, _moved(_sharper(result), _positions(displacement))), 0.0
            else:
                missing = max(missing, seconds)  # the last result is kept meanwhile
            search = displacement = None
    if age % EVERY == 0:
        age %= EVERY * WHOLE
        # Near the last position the network accepts a person that it would not recognise in the whole frame.
        find = find_person if age == 0 or missing else functools.partial(find_person, near=wanted)
        search, displacement = Search(find, small), np.zeros((*_FLOW_SHAPE, 2), np.float32)
    share = math.exp(-seconds / _BLEND)
    shown = cv2.addWeighted(shown, share, wanted, 1 - share, 0)
    if missing > _PATIENCE:
        presence = max(0.0, person.presence - seconds / _FADE_OUT)
    elif missing:
        presence = person.presence
    else:
        presence = min(1.0, person.presence + seconds / _FADE_IN)
    return Person(shown, wanted, presence, missing, age, search, displacement)


def _flow_of(person: np.ndarray, flow: Flow) -> np.ndarray:
    """Return the vectors of `flow`, averaged so that everything near a person moves with the person.

    Otherwise the background that is covered or uncovered at the edge would drag the mask along. On a video of a person
    in front of a panning background the IoU of the mask is 0.95 with this, and 0.94 without.

    Returns:
        float32 (*_FLOW_SHAPE, 2), in pixels of that size.
    """
    wide, high = _FLOW_SHAPE[::-1]
    rows, columns = flow.confidence.shape
    across, down = cv2.split(cv2.resize(flow.vectors, (wide, high)))
    weights = cv2.pow(cv2.resize(person, (wide, high)), 3) * cv2.resize(flow.confidence, (wide, high))
    # Motion sets vectors to 0 where no motion explains the frame as well, which includes the inside of a plain coat.
    weights *= np.where((across == 0) & (down == 0), np.float32(_UNKNOWN_WEIGHT), np.float32(1))
    total = _mean_around(weights) + np.float32(_LEAST_WEIGHT)
    averaged = [
        (_mean_around(values * weights) + values * np.float32(_LEAST_WEIGHT)) * np.float32(factor) / total
        for values, factor in ((across, wide / columns), (down, high / rows))
    ]
    return cv2.merge(averaged)


def _mean_around(values: np.ndarray) -> np.ndarray:
    return cv2.blur(values, (2 * _RADIUS + 1, 2 * _RADIUS + 1), borderType=cv2.BORDER_REPLICATE)


def _positions(vectors: np.ndarray) -> np.ndarray:
    """Return the previous position of each pixel of a mask. vectors: float32 (*_FLOW_SHAPE, 2), in its pixels."""
    return cv2.scaleAdd(cv2.resize(vectors, MASK_SHAPE[::-1]), MASK_SHAPE[0] / _FLOW_SHAPE[0], _grid(MASK_SHAPE))


def _sharper(found: np.ndarray) -> np.ndarray:
    return np.clip(found * np.float32(_SHARPER) + np.float32(0.5 - 0.5 * _SHARPER), 0, 1)


def _approach(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return `wanted` moved towards `found`: by a share of small differences, and completely of large ones."""
    difference = found - wanted
    slope = np.float32((1 - _LEAST_SHARE) / _DIFFERS)
    share = np.minimum(np.abs(difference) * slope + np.float32(_LEAST_SHARE), np.float32(1))
    return wanted + difference * share


def _moved(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    # OpenCV's stubs do not know that one map may hold x and y.
    return cv2.remap(  # type: ignore[call-overload]
        values, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


@functools.cache
def _grid(shape: Shape) -> np.ndarray:
    """Return the position (x, y) of each pixel, float32 (h, w, 2). Cached: do not change it."""
    return np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(np.float32)


# Motion


def _remember(state: MaskState, flow: Flow, motion_seconds: float) -> np.ndarray:
    """Return the motion mask, which fades to 1/e in `motion_seconds`."""
    seconds = min(state.step, _LONGEST_STEP)
    across, down = cv2.split(cv2.resize(flow.vectors, MASK_SHAPE[::-1]))
    # With numpy, because the last bit of cv2.magnitude (OpenCV 5.0) depends on the alignment of the arrays.
    speed = np.sqrt(across * across + down * down) / np.float32(flow.confidence.shape[0] * seconds)
    doubt = 1 - cv2.resize(flow.confidence, MASK_SHAPE[::-1])
    moved = np.maximum(_smooth_step(speed, _SLOW, _FAST), _smooth_step(doubt, _DOUBT, _CHANGED))
    before = np.zeros(MASK_SHAPE, np.float32) if state.motion is None else state.motion
    return np.maximum(before * np.float32(math.exp(-state.step / motion_seconds)), moved)


def _smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and a smooth cubic between."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)
