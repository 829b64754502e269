"""What of a dream is seen through masks. How live ones are found is in test_live_masks."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from skimage import data

from livedream import Dreamer, DreamSettings, Frame
from livedream.dream.backend.gpu import GpuBackend
from livedream.dream.dive import Dive
from livedream.dream.image import still_mask
from livedream.dream.image.masks import Masks, wanted_masks
from livedream.dream.image.person import find_person_in_still
from livedream.dream.objective.objective import mask
from livedream.dream.stream import live_masks
from livedream.dream.stream.frame_masks import masks_of_frame, product
from livedream.dream.stream.live_masks import EVERY, LATE
from livedream.dream.stream.quality import QualityScale
from livedream.errors import ArgumentError

QUICK = DreamSettings(working_height=64, layers="fire4", jitter=8, device="cpu", precision="float32")
PERSON = np.ascontiguousarray(data.astronaut()[:288:2, :512:2])


def stream(count: int) -> list[Frame]:
    """A person who moves to the right, 25 frames a second, 256x144."""
    pans = (np.ascontiguousarray(np.roll(PERSON, 2 * number, 1)) for number in range(count))
    return [Frame(pixels, Fraction(number, 25), number) for number, pixels in enumerate(pans)]


def seen_through(dreamer: Dreamer, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return what is shown of a frame, and the mask through which it is seen, uint8 (h, w)."""
    sight = dreamer.analyze(frame)
    seen = product(dreamer.engine.ascent.masks, sight.masks, sight.small, frame.pixels)
    assert seen is not None
    return dreamer.compose(dreamer.dream(sight)).pixels, seen


@pytest.mark.parametrize("on_device", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("chosen", ["person", "background", "motion", "still"])
def test_dream_goes_on_everywhere_and_a_mask_only_shows_a_part(chosen, on_device) -> None:
    """Where it is 0 the source is shown, where it is 255 what is shown without it, both to the bit."""
    masked, plain = Dreamer(QUICK.replace(mask=chosen)), Dreamer(QUICK)
    if on_device:
        for dreamer in (masked, plain):
            dreamer._stream.backend = GpuBackend(dreamer.engine.device)
    frames = stream(8)
    if chosen in ("motion", "still"):  # the right half stands
        frames = [Frame(np.hstack([f.pixels[:, :128], frames[0].pixels[:, 128:]]), f.time, f.index) for f in frames]
    for frame in frames:
        shown, seen = seen_through(masked, frame)
        whole = plain(frame).pixels
        assert np.array_equal(shown[seen == 0], frame.pixels[seen == 0])
        assert np.array_equal(shown[seen == 255], whole[seen == 255])
    assert (seen == 0).mean() > 0.1
    assert (seen == 255).mean() > 0.1
    assert not np.array_equal(whole[seen == 255], frame.pixels[seen == 255])


def test_masks_multiply(tmp_path) -> None:
    picture = np.full((144, 256), 255, np.uint8)
    picture[:, :128] = 0
    Image.fromarray(picture).save(tmp_path / "right.png")
    (frame,) = stream(1)
    _, person = seen_through(Dreamer(QUICK.replace(mask="person")), frame)
    dreamer = Dreamer(QUICK.replace(layers=f'fire4 + mask:"{tmp_path}/right.png"', mask="person"))
    shown, seen = seen_through(dreamer, frame)
    assert (seen[:, :128] == 0).all()
    assert np.array_equal(seen[:, 128:], person[:, 128:])
    assert np.array_equal(shown[:, :128], frame.pixels[:, :128])


def test_numbers_of_a_mask_count_before_the_controls() -> None:
    settings = QUICK.replace(mask="still", mask_feather=5, mask_strength=0.5)
    assert wanted_masks(settings.replace(layers="fire4 + mask:person(8, 1) + mask:motion + mask:a.png")) == (
        *mask("person", feather=8, strength=1.0).masks,
        *mask("motion", feather=5.0, strength=0.5).masks,
        *mask("still", feather=5.0, strength=0.5).masks,
    )
    assert wanted_masks(QUICK) == ()


def test_strength_leaves_some_of_the_dream_outside() -> None:
    (frame,) = stream(1)
    _, whole = seen_through(Dreamer(QUICK.replace(mask="person")), frame)
    _, half = seen_through(Dreamer(QUICK.replace(mask="person", mask_strength=0.5)), frame)
    assert set(half[whole == 0]) <= {127, 128}
    assert (half[whole == 255] == 255).all()


def test_a_file_has_feather_and_strength_of_its_own(tmp_path) -> None:
    picture = np.zeros((40, 80), np.uint8)
    picture[:, 40:] = 255
    Image.fromarray(picture).save(tmp_path / "right.png")
    sharp, soft, weak = (
        Masks(mask(tmp_path / "right.png", **how).masks).of_frame((40, 80))
        for how in ({}, {"feather": 10}, {"strength": 0.25})
    )
    assert np.array_equal(sharp, picture)
    assert (np.diff(soft[20].astype(int)) >= 0).all()
    assert 8 <= ((soft[20] > 0) & (soft[20] < 255)).sum() <= 12
    assert set(weak[:, :40].ravel()) == {191}  # 255 - 64


@pytest.mark.parametrize(("no_person", "seen"), [("all", None), ("nothing", 0)])
def test_where_nobody_is_the_whole_is_dreamt_or_nothing(no_person, seen) -> None:
    pixels = np.full((144, 256, 3), 90, np.uint8)
    for chosen in ("person", "background"):
        dreamer = Dreamer(QUICK.replace(mask=chosen, no_person=no_person))
        sight = dreamer.analyze(Frame(pixels, Fraction(0), 0))
        found = product(Masks(), sight.masks, sight.small, pixels)
        assert found is None if seen is None else (found == seen).all()
        shown = dreamer.compose(dreamer.dream(sight)).pixels
        assert np.array_equal(shown, pixels if no_person == "nothing" else Dreamer(QUICK)(sight.frame).pixels)


@pytest.mark.parametrize(("no_person", "least", "most"), [("all", 128, 255), ("nothing", 0, 128)])
def test_a_mask_half_faded(no_person, least, most) -> None:
    dreamer = Dreamer(QUICK.replace(mask="person"))
    (frame,) = stream(1)
    sight = dreamer.analyze(frame)
    half = replace(sight.mask_state, person=replace(sight.mask_state.person, presence=0.5))
    faded = masks_of_frame(wanted_masks(dreamer.settings), half, no_person)
    found = product(Masks(), faded, sight.small, frame.pixels)
    assert (found.min(), found.max()) == (least, most)


@pytest.mark.parametrize("chosen", ["person", "motion"])
def test_a_stream_goes_on_from_the_state_of_any_frame_to_the_bit(chosen) -> None:
    """Also between the start of a search and the use of what it found, where the working size and the mask change."""
    settings = QUICK.replace(mask=chosen, layers="fire4 + mask:background(4, 0.5)", mask_feather=3)
    frames = stream(EVERY + LATE + 3)
    one, other = Dreamer(settings), Dreamer(settings)
    states, dreams = [], []
    for frame in frames:
        states.append({name: array.copy() for name, array in one.state().items()})
        dreams.append(one(frame).pixels)
    assert any("mask_search" in state for state in states)
    for begin, state in enumerate(states):
        other.restore(state)
        for frame, dream in list(zip(frames, dreams, strict=True))[begin : begin + LATE + 2]:
            assert np.array_equal(other(frame).pixels, dream), (begin, frame.index)
    other.finish_analysis()
    one.reset()
    assert all(np.array_equal(one(frame).pixels, dream) for frame, dream in zip(frames, dreams, strict=True))
    one.finish_analysis()


@pytest.mark.parametrize("frames_ahead", [1, 2])
def test_looking_ahead_changes_nothing(frames_ahead, monkeypatch) -> None:
    """Where a GPU dreams, the flows of several frames are estimated at a time, and the masks follow when they dream."""
    frames, settings = stream(EVERY + LATE + 2), QUICK.replace(mask="person")
    one_by_one = Dreamer(settings)
    dreams = [one_by_one(frame).pixels for frame in frames]
    monkeypatch.setattr(Dreamer, "lookahead", frames_ahead)
    ahead = Dreamer(settings)
    sights = [ahead.analyze(frame) for frame in frames]
    ahead.settings = settings.replace(mask="all")  # from the next look on
    for sight, dream in zip(sights, dreams, strict=True):
        assert np.array_equal(ahead.compose(ahead.dream(sight)).pixels, dream)


def test_growth_of_the_dream_moves_no_mask() -> None:
    grows, plain = (Dreamer(QUICK.replace(mask="person", zoom=zoom)) for zoom in (1.05, 1))
    for frame in stream(3):
        sights = grows.analyze(frame), plain.analyze(frame)
    assert np.array_equal(sights[0].masks[0].coarse, sights[1].masks[0].coarse)
    assert not np.array_equal(sights[0].flow.vectors, sights[1].flow.vectors)


def test_a_change_of_the_working_size_leaves_the_mask() -> None:
    """The governor makes the picture smaller while a search runs."""
    frames = stream(EVERY + LATE + 1)
    one, other = (Dreamer(QUICK.replace(mask="person")) for _ in range(2))
    for frame in frames:
        if frame.index == EVERY + 1:
            other.quality = QualityScale(height=0.75, flow=0.5)
        sights = one.analyze(frame), other.analyze(frame)
        assert sights[1].begins is False
    assert sights[0].shapes != sights[1].shapes
    found, wanted = (sight.masks[0].coarse > 0.5 for sight in sights)
    assert (found & wanted).sum() / (found | wanted).sum() > 0.95


def test_a_mask_that_is_chosen_while_it_runs_holds_from_the_next_look_on() -> None:
    dreamer = Dreamer(QUICK)
    first, second, third, fourth = stream(4)
    before = dreamer.analyze(first)
    dreamer.settings = QUICK.replace(mask="person")
    assert np.array_equal(dreamer.compose(dreamer.dream(before)).pixels, Dreamer(QUICK)(first).pixels)
    _, seen = seen_through(dreamer, second)  # the person is there at once
    assert 0.1 < (seen > 127).mean() < 0.6
    ascent = dreamer.ascent_for(QUICK.replace(layers="fire5 + mask:background"))
    dreamer.install(QUICK.replace(layers="fire5 + mask:background"), ascent)
    _, without = seen_through(dreamer, third)
    assert (without > 127).mean() == pytest.approx(1 - (seen > 127).mean(), abs=0.1)
    dreamer.settings = QUICK
    dreamer(fourth)
    assert not [name for name in dreamer.state() if name.startswith("mask")]


def test_another_frame_size_or_source_begins_a_scene() -> None:
    dreamer = Dreamer(QUICK.replace(mask="person"))
    for frame in stream(2):
        dreamer(frame)
    tall = np.ascontiguousarray(PERSON[:, 64:192])
    for pixels, begins in ((tall, False), (tall, True)):
        sight = dreamer.analyze(Frame(pixels, Fraction(0), 0), begins)
        assert sight.flow is None
        assert sight.mask_state.person.age == 0
        assert begins is (sight.mask_state.step == 1 / 30)  # nothing of the last source counts
        found = product(Masks(), sight.masks, sight.small, pixels)
        assert (found > 127).mean() > 0.2


def test_without_a_live_mask_nobody_is_searched_for(monkeypatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nobody asked for a person")

    for module in (still_mask, live_masks):
        monkeypatch.setattr(module, "Search", never)
    dreamer = Dreamer(QUICK.replace(mask_feather=4, mask_strength=0.5, still_steps=1, still_height=64))
    for frame in stream(3):
        dreamer(frame)
        assert dreamer._stream.analyzer.masks.state is None
    dreamer(PERSON)


def test_a_still_keeps_its_person(caplog) -> None:
    settings = QUICK.replace(still_steps=2, still_height=144, mask="background")
    dreamer = Dreamer(settings)
    dream = dreamer(PERSON)
    changed = (dream != PERSON).any(-1)
    person = find_person_in_still(PERSON)
    assert not changed[person == 1].any()
    assert changed[person == 0].mean() > 0.9
    *_, last = dreamer.spectate(PERSON)
    assert np.array_equal(last.pixels, dream)
    assert not caplog.records


@pytest.mark.parametrize("no_person", ["all", "nothing"])
def test_a_still_without_a_person_says_so(no_person, caplog) -> None:
    settings = QUICK.replace(still_steps=1, still_height=64)
    photo = np.ascontiguousarray(data.rocket()[:144, :256])
    dream = Dreamer(settings.replace(mask="background", no_person=no_person))(photo)
    assert np.array_equal(dream, photo if no_person == "nothing" else Dreamer(settings)(photo))
    said = f"no person was found in the image: {no_person} of it is dreamt"
    assert [record.getMessage() for record in caplog.records] == [said]
    next(iter(Dreamer(settings.replace(mask="background", no_person=no_person)).spectate(photo)))
    assert [record.getMessage() for record in caplog.records] == [said, said]


def test_a_still_has_no_motion_and_says_so_once(caplog) -> None:
    dreamer = Dreamer(QUICK.replace(still_steps=1, still_height=64, layers="fire4 + mask:still", mask="motion"))
    dream, again = dreamer(PERSON), dreamer(PERSON)
    (record,) = caplog.records
    assert record.getMessage() == "a still has no motion: ignoring the masks still and motion"
    assert np.array_equal(dream, again)
    assert np.array_equal(dream, Dreamer(QUICK.replace(still_steps=1, still_height=64))(PERSON))


@pytest.mark.parametrize("how", [{"layers": "fire4 + mask:motion"}, {"mask": "person"}], ids=str)
def test_a_dive_has_no_masks(how) -> None:
    with pytest.raises(ArgumentError, match="a dive takes no mask") as caught:
        Dive(QUICK.replace(**how))
    assert "mask" in caught.value.hint
