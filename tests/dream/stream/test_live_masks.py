"""Where a person is and where something moves, followed from frame to frame; what is seen of it is in test_masks."""

import math
import threading

import cv2
import numpy as np
import pytest
from skimage import data

from livedream.dream.image.person import find_person, find_person_in_still
from livedream.dream.motion.flow import Flow, Motion
from livedream.dream.stream import live_masks
from livedream.dream.stream.live_masks import EVERY, LATE, MASK_SHAPE, MaskState, follow

PERSON = np.ascontiguousarray(data.astronaut()[:288, :512])
"""An astronaut before a flag and a shuttle, 512x288."""
NOBODY = np.full((288, 512, 3), 90, np.uint8)
STANDS = Flow(np.zeros((72, 128, 2), np.float32), np.ones((72, 128), np.float32), still=True)


def moves(pixels: float) -> Flow:
    """The flow of a picture that moves to the right."""
    vectors = np.zeros((72, 128, 2), np.float32)
    vectors[..., 0] = -pixels
    return Flow(vectors, np.ones((72, 128), np.float32))


def wait_for(state: MaskState | None) -> None:
    if state is not None and state.person is not None and state.person.search is not None:
        state.person.search.result()


def followed(frames, flows, kinds=("person",), *, rate: float = 30, seconds: float = 2, each=lambda state: None):
    """Return the states of frames with their flows, `rate` a second."""
    states: list[MaskState] = []
    for number, (pixels, flow) in enumerate(zip(frames, flows, strict=True)):
        states.append(follow(states[-1] if states else None, pixels, flow, number / rate, kinds, seconds))
        each(states[-1])
    return states


def test_first_frame_of_a_scene_has_its_person() -> None:
    first, cut = followed([NOBODY, PERSON], [None, None])
    wanted = find_person(PERSON)
    assert (wanted > 0.5).mean() > 0.2
    assert first.presence("person") == 0
    assert cut.presence("person") == 1
    assert ((cut.coarse("person") > 0.5) == (wanted > 0.5)).all()
    assert np.array_equal(cut.coarse("background"), 1 - cut.coarse("person"))


def test_what_is_found_is_in_use_a_fixed_number_of_frames_later() -> None:
    """The person is gone at once, as the flow does not tell; the frame of the second search is the first without."""
    frames = [PERSON] * EVERY + [NOBODY] * (LATE + 1)
    states = followed(frames, [None] + [STANDS] * (len(frames) - 1))
    assert [state.person.missing > 0 for state in states] == [False] * (EVERY + LATE) + [True]
    assert [state.person.search is not None for state in states] == [
        EVERY <= number < EVERY + LATE for number in range(len(states))
    ]


def test_no_thread_changes_the_result() -> None:
    """Where every search is waited for at once, nothing else comes out than where it goes on beside the frames."""
    frames = [np.ascontiguousarray(np.roll(PERSON, 4 * number, 1)) for number in range(11)]
    flows = [None, *([moves(1)] * 10)]
    beside, waited = followed(frames, flows), followed(frames, flows, each=wait_for)
    for one, other in zip(beside, waited, strict=True):
        assert {name: array.tobytes() for name, array in one.arrays().items()} == {
            name: array.tobytes() for name, array in other.arrays().items()
        }


def test_motion_has_the_same_bits_wherever_it_lies_in_memory() -> None:
    """OpenCV's magnitude had others every second time."""
    motion = Motion((256, 456), 1.0)
    frames = [cv2.resize(np.roll(PERSON, 5 * number, 1), (456, 256)) for number in range(3)]
    flows = [motion(pixels) for pixels in frames]
    found, kept = set(), []
    for size in range(1, 4000, 200):
        kept.append([np.empty(size + 16 * number, np.uint8) for number in range(20)])
        found.add(followed(frames, flows, ("motion",))[-1].coarse("motion").tobytes())
    assert len(found) == 1


def test_mask_is_carried_along_with_the_person() -> None:
    """Between two searches, and from the frame of a search to the one in which it comes into use."""
    frames = [np.ascontiguousarray(np.roll(PERSON, 16 * number, 1)) for number in range(EVERY + LATE + 1)]
    states = followed(frames, [None, *([moves(4)] * (EVERY + LATE))])
    before, after = states[EVERY - 1].coarse("person"), states[-1].person.wanted
    for pixels, mask in ((frames[EVERY - 1], before), (frames[-1], after)):
        wanted, found = find_person(pixels) > 0.5, mask > 0.5
        assert (wanted & found).sum() / (wanted | found).sum() > 0.93
    for pixels, left in ((frames[EVERY - 1], frames[0]), (frames[-1], frames[EVERY])):
        wanted, found = find_person(pixels) > 0.5, find_person(left) > 0.5
        assert (wanted & found).sum() / (wanted | found).sum() < 0.9  # it has really moved


def test_background_does_not_drag_the_mask_along() -> None:
    """The person stands while all else moves; carried as the background moves, the mask would smear."""
    inside = find_person(PERSON) > 0.5
    vectors = np.zeros((*MASK_SHAPE, 2), np.float32)
    vectors[..., 0] = np.where(inside, 0, 3)  # to the left
    flow = Flow(vectors, np.ones(MASK_SHAPE, np.float32))
    last = followed([PERSON] * EVERY, [None, *([flow] * (EVERY - 1))])[-1].coarse("person") > 0.5
    assert (last & inside).sum() / (last | inside).sum() > 0.95


def test_nobody_fades_after_a_second_and_comes_back_in_half_a_second() -> None:
    rate, gone = 20, 60
    frames = [PERSON] * EVERY + [NOBODY] * gone + [PERSON] * 20
    states = followed(frames, [None, *([STANDS] * (len(frames) - 1))], rate=rate, each=wait_for)
    presence = np.array([state.presence("person") for state in states])
    missed = EVERY + LATE  # it comes into use that nobody is there
    assert (presence[: missed + rate] == 1).all()
    assert presence[missed + rate + rate // 2] == pytest.approx(0.5, abs=0.08)
    assert (presence[missed + 2 * rate + 1 : EVERY + gone] == 0).all()
    back = int(np.flatnonzero(np.diff(presence) > 0)[0])
    assert EVERY + gone <= back + 1 <= EVERY + gone + EVERY + LATE
    assert presence[back + rate // 2] == pytest.approx(1, abs=0.01)
    assert (np.abs(np.diff(presence)) <= 2 / rate + 1e-6).all()  # it never jumps
    assert states[missed + rate - 1].coarse("person").mean() > 0.2  # one search that finds nobody takes nothing away


def test_a_doubt_is_nobody() -> None:
    """The network takes a fifth of a sky full of galaxies for a person, but it is sure of little of it."""
    sky = data.hubble_deep_field()
    assert (find_person(sky) > 0.5).mean() > 0.1
    states = followed([sky] * (EVERY + LATE + 1), [None, *[STANDS] * (EVERY + LATE)])
    assert [state.presence("person") for state in states] == [0] * len(states)
    assert not find_person_in_still(sky).any()


def test_who_is_missing_is_searched_for_in_the_whole_frame(monkeypatch) -> None:
    """Near where the person was, the network is sure of rocks and trees that it knows for such in the whole frame."""
    near_of: list[bool] = []

    def find(pixels: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        near_of.append(near is not None)
        return find_person(pixels, near)

    monkeypatch.setattr(live_masks, "find_person", find)
    frames = [PERSON] * (EVERY + 1) + [NOBODY] * (3 * EVERY)
    followed(frames, [None, *[STANDS] * (len(frames) - 1)], each=wait_for)
    assert near_of == [False, True, True, False, False]


def test_motion_is_remembered_in_place_and_fades() -> None:
    vectors = np.zeros((72, 128, 2), np.float32)
    vectors[:, :64, 0] = 1
    moved = Flow(vectors, np.ones((72, 128), np.float32))
    for rate in (20, 40):  # the same seconds, whatever the frame rate
        flows = [None, moved, *([STANDS] * rate)]
        *_, last = followed([NOBODY] * len(flows), flows, ("motion",), rate=rate, seconds=0.5)
        assert last.coarse("motion")[:, :120] == pytest.approx(math.exp(-1 / 0.5), rel=1e-4)
        assert (last.coarse("motion")[:, 136:] == 0).all()
        assert np.array_equal(last.coarse("still"), 1 - last.coarse("motion"))
    assert last.person is None


@pytest.mark.parametrize("rate", [20, 40])
def test_speed_counts_by_the_second(rate) -> None:
    """0.05 heights a second is in the middle between what stands and what moves."""
    *_, last = followed([NOBODY] * 2, [None, moves(0.05 * 72 / rate)], ("motion",), rate=rate)
    assert last.coarse("motion") == pytest.approx(0.5, abs=1e-3)


def test_what_changes_without_a_flow_has_moved() -> None:
    unlike = Flow(np.zeros((72, 128, 2), np.float32), np.zeros((72, 128), np.float32))
    first, second = followed([NOBODY] * 2, [None, unlike], ("still",))
    assert (first.coarse("still") == 1).all()
    assert (second.coarse("still") == 0).all()


@pytest.mark.parametrize("times", [[0, 1 / 30, 1 / 30, 1 / 30], [5, 5 + 1 / 30, 4, 4], [0, 1 / 30, 60, 60.1]])
def test_times_that_stand_or_jump_do_no_harm(times) -> None:
    """A slow walk, 0.2 heights a second at 30 frames, has moved, whatever the clock says; and all fades."""
    state = None
    flows = [None, moves(0.5), moves(0.5), STANDS]
    for flow, time in zip(flows, times, strict=True):
        state = follow(state, NOBODY, flow, time, ("motion", "person"), 1.0)
        assert np.isfinite(state.coarse("motion")).all()
    assert 0 < state.coarse("motion").mean() < 1 or times[-2:] == [60, 60.1]


def test_only_what_is_asked_for_is_done(monkeypatch) -> None:
    frames, flows = [PERSON] * 3, [None, STANDS, STANDS]
    *_, both = followed(frames, flows, ("person", "motion"))
    person = follow(both, PERSON, STANDS, 0.1, ("background",), 2)
    assert person.motion is None
    again = follow(person, PERSON, STANDS, 0.13, ("still",), 2)
    assert again.person is None
    anew = follow(again, PERSON, STANDS, 0.16, ("person",), 2)  # without waiting for the next search
    assert anew.presence("person") == 1

    def never(*_: object) -> None:
        raise AssertionError("nobody asked for a person")

    monkeypatch.setattr(live_masks, "Search", never)
    followed(frames * 3, [None, *([STANDS] * 8)], ("motion",))


def test_a_failed_search_is_told_where_its_result_is_used(monkeypatch) -> None:
    def fail(_: np.ndarray) -> np.ndarray:
        raise OSError("no such weights")

    monkeypatch.setattr(live_masks, "find_person", fail)
    with pytest.raises(OSError, match="no such weights"):
        follow(None, PERSON, None, 0, ("person",), 2)
    assert not [thread for thread in threading.enumerate() if thread.name == "livedream-person"]


def test_after_a_long_pause_nothing_jumps() -> None:
    """A freeze of a minute: the mask fades by half a second's worth at most."""
    states = followed([PERSON] * EVERY + [NOBODY] * (LATE + 1), [None, *([STANDS] * (EVERY + LATE))])
    assert states[-1].person.missing > 0
    after = follow(states[-1], NOBODY, STANDS, states[-1].time + 60, ("person",), 2)
    assert after.presence("person") >= 0.5


def test_threads_end_with_their_searches() -> None:
    followed([PERSON] * (EVERY + 1), [None, *([STANDS] * EVERY)])
    for thread in threading.enumerate():
        if thread.name == "livedream-person":
            thread.join(10)
            assert not thread.is_alive()


def test_a_state_goes_through_arrays_at_any_frame() -> None:
    motion = Motion((72, 128), 1.0)
    frames = [np.ascontiguousarray(np.roll(PERSON, 5 * number, 1)[::4, ::4]) for number in range(EVERY + LATE + 1)]
    flows = [motion(pixels) for pixels in frames]
    kinds = ("person", "motion")
    states = followed(frames, flows, kinds)
    for number, state in enumerate(states[:-1]):
        arrays = {name: array.copy() for name, array in state.arrays().items()}
        for later in range(number + 1, len(frames)):
            before = MaskState.from_arrays(arrays)
            arrays = follow(before, frames[later], flows[later], later / 30, kinds, 2).arrays()
        for name, array in states[-1].arrays().items():
            assert np.array_equal(arrays[name], array), (number, name)
    assert MaskState.from_arrays({}) is None
