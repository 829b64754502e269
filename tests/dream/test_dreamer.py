from fractions import Fraction

import numpy as np
import pytest
import torch
from skimage import data

from livedream import Dreamer, DreamSettings, Frame, models
from livedream.dream.ascent import Ascent
from livedream.dream.stream.quality import QualityScale
from livedream.errors import ArgumentError
from livedream.steps import OnStep
from tests.networks import random_network

QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8)
LITE = QUICK.replace(model="efficientnet_lite0", layers="blocks.4")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.chelsea()[:240:2, :320:2])


def stream(photo: np.ndarray, count: int = 6) -> list[Frame]:
    """A slow pan over the photo: 96x72 frames."""
    return [Frame(photo[10 : 10 + 72, 2 * n : 2 * n + 96].copy(), Fraction(n, 25), n) for n in range(count)]


def test_frame_in_frame_out(photo) -> None:
    frame = stream(photo)[3]
    pixels = frame.pixels.copy()
    dreamt = Dreamer(QUICK)(frame)
    assert (dreamt.time, dreamt.index, dreamt.size) == (frame.time, frame.index, frame.size)
    assert np.array_equal(frame.pixels, pixels)
    assert not np.array_equal(dreamt.pixels, pixels)


def test_same_settings_and_frames_dream_the_same_to_the_bit(photo) -> None:
    dreamer = Dreamer(QUICK)
    first = [dreamer(frame).pixels for frame in stream(photo)]
    dreamer.reset()
    again = [dreamer(frame).pixels for frame in stream(photo)]
    other = [Dreamer(QUICK)(frame).pixels for frame in stream(photo)[:1]]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.array_equal(first[0], other[0])


@pytest.mark.parametrize("at", [0, 1, 4])
def test_stream_goes_on_from_a_saved_state_to_the_bit(photo, at) -> None:
    frames = stream(photo)
    dreamer = Dreamer(QUICK)
    first = [dreamer(frame).pixels for frame in frames[:at]]
    state = {name: array.copy() for name, array in dreamer.state().items()}
    rest = [dreamer(frame).pixels for frame in frames[at:]]
    other = Dreamer(QUICK)
    other.restore(state)
    again = [other(frame).pixels for frame in frames[at:]]
    assert all(np.array_equal(a, b) for a, b in zip(rest, again, strict=True))
    assert len(first) == at


def test_another_seed_dreams_another_dream(photo) -> None:
    frame = stream(photo)[0]
    assert not np.array_equal(Dreamer(QUICK)(frame).pixels, Dreamer(QUICK.replace(seed=1))(frame).pixels)


def test_dream_grows_from_frame_to_frame_and_not_without_keep(photo) -> None:
    def depth(keep: float) -> float:
        dreamer = Dreamer(QUICK.replace(keep=keep, temporal_smoothing=0.5))
        frame = stream(photo)[0]
        for _ in range(12):
            out = dreamer(frame)
        return float(np.abs(out.pixels.astype(int) - frame.pixels).mean())

    assert depth(0.97) > 2 * depth(0)


def test_cut_leaves_no_ghost(photo) -> None:
    dreamer = Dreamer(QUICK)
    for frame in stream(photo):
        dreamer(frame)
    other = np.ascontiguousarray(data.coffee()[:144:2, :192:2])
    after = dreamer(Frame(other, Fraction(1), 6)).pixels.astype(int)
    # What one step from nothing can do to it, and no trace of the cat: the change averages the step size.
    assert np.abs(after - other).mean() < 1.5 * QUICK.step_size


def test_octaves_take_turns(photo, monkeypatch) -> None:
    dreamer = Dreamer(QUICK.replace(steps=2, octaves=3, octave_scale=1.2))
    seen = []
    step = Ascent.step
    monkeypatch.setattr(
        Ascent,
        "step",
        lambda self, picture, size, *how, **by: seen.append(size) or step(self, picture, size, *how, **by),
    )
    for frame in stream(photo, 3):
        dreamer(frame)
    assert seen == [(64, 80), (53, 67), (44, 56)] * 2


GROWN = 59
"""By hand, at keep 0.95: 0.95 ** 59 is 0.048, under a twentieth, and 0.95 ** 58 is not."""


class Counted:
    """A dreamer, and how many steps each frame took."""

    def __init__(self, settings: DreamSettings, monkeypatch) -> None:
        self.dreamer = Dreamer(settings)
        self.steps: list[int] = []
        step = Ascent.step

        def counted(ascent: Ascent, picture, *how, **by):
            self.steps[-1] += 1
            return step(ascent, picture, *how, **by)

        monkeypatch.setattr(Ascent, "step", counted)

    def __call__(self, pixels: np.ndarray, count: int = 1) -> np.ndarray:
        for _ in range(count):
            self.steps.append(0)
            out = self.dreamer(Frame(pixels, Fraction(len(self.steps), 25), len(self.steps))).pixels
        return out


@pytest.mark.parametrize(("still_scene", "steps"), [("dream", 1), ("deeper", 2), ("rest", 0)])
def test_scene_that_stands_still(photo, monkeypatch, still_scene, steps) -> None:
    """For a second it dreams in any case; and when something moves it dreams again."""
    dreamer = Counted(QUICK.replace(still_scene=still_scene, octaves=1, keep=0.5), monkeypatch)
    random = np.random.default_rng(0)
    for _ in range(36):  # with a camera's noise, sigma 3
        noise = np.round(random.normal(0, 3, (72, 96, 3)))
        pixels = np.clip(photo[10:82, :96] + noise, 0, 255).astype(np.uint8)
        out = dreamer(pixels)
    assert dreamer.steps == [1] * 31 + [steps] * 5
    assert dreamer.dreamer.effort == steps
    assert np.abs(out.astype(int) - pixels).mean() > 0.5  # the dream is still there
    dreamer(stream(photo)[5].pixels)
    assert dreamer.steps[-1] == 1
    assert dreamer.dreamer.effort == 1


def test_rest_begins_once_the_dream_has_grown(photo, monkeypatch) -> None:
    dreamer = Counted(QUICK.replace(still_scene="rest", octaves=1, keep=0.95), monkeypatch)
    still = stream(photo)[0].pixels
    dreamer(still, GROWN + 4)
    assert dreamer.steps == [1] * GROWN + [0] * 4
    moved = stream(photo)[5].pixels
    dreamer(moved, GROWN + 4)
    assert dreamer.steps[GROWN + 4 :] == [1] * GROWN + [0] * 4


@pytest.mark.parametrize(
    "change", [{"layers": "fire3"}, {"step_size": 3.0}, {"strength": 2.0}, {"working_height": 96}, {"keep": 0.9}]
)
def test_other_settings_end_the_rest_at_once(photo, monkeypatch, change) -> None:
    dreamer = Counted(QUICK.replace(still_scene="rest", octaves=1, keep=0.8), monkeypatch)
    still = stream(photo)[0].pixels
    before = dreamer(still, 40)
    assert dreamer.steps[-5:] == [0] * 5
    dreamer.dreamer.settings = dreamer.dreamer.settings.replace(**change)
    after = dreamer(still, 29)
    assert dreamer.steps[-29:] == [1] * 29
    assert not np.array_equal(before, after)
    dreamer(still, 20)
    assert dreamer.steps[-1] == 0


def test_no_deeper_dream_without_the_time_for_it(photo, monkeypatch) -> None:
    dreamer = Counted(QUICK.replace(still_scene="deeper", octaves=1), monkeypatch)
    dreamer.dreamer.quality = QualityScale(deeper=False)
    still = stream(photo)[0].pixels
    dreamer(still, 34)
    assert dreamer.steps == [1] * 34
    dreamer.dreamer.quality = QualityScale(deeper=True)
    dreamer(still)
    assert dreamer.steps[-1] == 2


@pytest.mark.parametrize("changes", [False, True])
def test_stream_that_rests_goes_on_from_a_saved_state(photo, changes) -> None:
    frame = stream(photo)[0]
    settings = QUICK.replace(still_scene="rest", keep=0.85)
    dreamer, other = Dreamer(settings), Dreamer(settings)
    for number in range(28):
        if changes and number == 14:
            dreamer.settings = other.settings = settings.replace(step_size=3.0)
        dreamer(frame)
    other.restore(dreamer.state())
    efforts = []
    for _ in range(24):
        assert np.array_equal(dreamer(frame).pixels, other(frame).pixels)
        assert dreamer.effort == other.effort
        efforts.append(dreamer.effort)
    assert efforts == [1.0] * (17 if changes else 3) + [0.0] * (7 if changes else 21)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_what_is_withheld_comes_in_over_the_next_frames(photo, share) -> None:
    """By hand: of a step of d on a still picture 1 - s is shown at once, then of the rest the same share again."""
    dreamer = Dreamer(QUICK.replace(temporal_smoothing=share, keep=0.999, step_size=8, octaves=1, jitter=0))
    frame = stream(photo)[0]
    first, second = (dreamer(frame).pixels.astype(int) for _ in range(2))
    whole = Dreamer(QUICK.replace(temporal_smoothing=0, keep=0.999, step_size=8, octaves=1, jitter=0))
    expected = [whole(frame).pixels.astype(int) for _ in range(2)]
    assert np.array_equal(first, expected[0])  # the first is shown as it is: there is none before it
    change = np.abs(expected[1] - expected[0]).mean()
    assert np.abs(second - first).mean() / change == pytest.approx(1 - share, abs=0.1)
    dreamer.settings = dreamer.settings.replace(step_size=0.01)  # now only what was withheld is left to come
    third = dreamer(frame).pixels.astype(int)
    assert np.abs(third - second).mean() / change == pytest.approx(share * (1 - share), abs=0.1)


def test_strength_zero_shows_the_source(photo) -> None:
    dreamer = Dreamer(QUICK.replace(strength=0))
    for frame in stream(photo, 3):
        assert np.array_equal(dreamer(frame).pixels, frame.pixels)


def test_frames_of_another_size_begin_anew(photo) -> None:
    dreamer = Dreamer(QUICK)
    dreamer(stream(photo)[0])
    other = Frame(photo, Fraction(1), 1)
    assert dreamer(other).pixels.shape == photo.shape


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (17, 31), (33, 500)])
def test_odd_sizes(size) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    dreamer = Dreamer(QUICK.replace(still_height=64, still_steps=1))
    assert dreamer(Frame(pixels, Fraction(0), 0)).pixels.shape == pixels.shape
    assert dreamer(Frame(pixels, Fraction(1), 1)).pixels.shape == pixels.shape
    assert dreamer(pixels).shape == pixels.shape


def test_still_is_dreamt_from_small_to_large(photo, monkeypatch) -> None:
    dreamer = Dreamer(QUICK.replace(octaves=1, smallest_octave=60, still_height=120, still_steps=10))
    seen = []
    step = Ascent.step
    monkeypatch.setattr(
        Ascent,
        "step",
        lambda self, picture, size, *how, **by: seen.append(size) or step(self, picture, size, *how, **by),
    )
    out = dreamer(photo)
    assert seen == [(61, 82)] * 10 + [(86, 114)] * 10 + [(120, 160)] * 10
    assert out.shape == photo.shape
    assert 5 < np.abs(out.astype(int) - photo).mean() < 60


def test_still_raises_what_the_network_sees(photo) -> None:
    dreamer = Dreamer(DreamSettings(layers="fire6"))
    out = dreamer(photo)

    def seen(pixels: np.ndarray) -> float:
        ascent = dreamer.engine.ascent
        return ascent.loss(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())

    assert seen(out) > 2 * seen(photo)


def test_still_does_not_disturb_a_stream(photo) -> None:
    frames = stream(photo)
    dreamer, other = Dreamer(QUICK), Dreamer(QUICK)
    first = [dreamer(frame).pixels for frame in frames]
    mixed = []
    for frame in frames:
        mixed.append(other(frame).pixels)
        other(photo)
    assert all(np.array_equal(a, b) for a, b in zip(first, mixed, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_other_arrays_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="RGB uint8"):
        Dreamer()(wrong)


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match="numpy array or an image of Pillow's, got str"):
        Dreamer()("picture.jpg")  # type: ignore[call-overload]


def test_unknown_layer_is_said_before_the_first_frame() -> None:
    with pytest.raises(ArgumentError, match="unknown layer: fire66"):
        Dreamer(DreamSettings(layers="fire66")).prepare((64, 64))


def test_what_is_soon_ready_dreams_the_same_to_the_bit(photo) -> None:
    """It has dreamt nothing yet, but knows its size, which the first line of a run tells."""
    soon, warm = Dreamer(QUICK.replace(device="cpu")), Dreamer(QUICK.replace(device="cpu"))
    steps: list[str] = []
    soon.on_step = lambda report: steps.append(report.task)
    soon.prepare((96, 72), soon=True)
    warm.prepare((96, 72))
    assert "warming up" not in steps
    assert soon.description == warm.description
    for frame in stream(photo):
        assert np.array_equal(soon(frame).pixels, warm(frame).pixels)


def test_description_says_what_is_used() -> None:
    dreamer = Dreamer(DreamSettings(precision="float32", device="cpu"))
    dreamer.prepare((1280, 720))
    assert dreamer.description == "cpu float32, efficientnet_lite0, blocks.10, working 448x256"


def test_controls_change_while_it_runs(photo) -> None:
    dreamer = Dreamer(QUICK)
    frames = stream(photo)
    dreamer(frames[0])
    dreamer.settings = QUICK.replace(layers="fire4", steps=2, pooling="average", working_height=48)
    dreamer(frames[1])
    assert "fire4" in dreamer.description
    with pytest.raises(ArgumentError, match="precision cannot change while a dream runs"):
        dreamer.settings = QUICK.replace(precision="float32")
    assert dreamer.settings.precision == "auto"


def test_the_network_changes_while_it_runs(photo) -> None:
    dreamer = Dreamer(QUICK)
    frames = stream(photo)
    dreamer(frames[0])
    dreamer.settings = LITE
    dreamt = dreamer(frames[1])
    assert "efficientnet_lite0, blocks.4" in dreamer.description
    fresh = Dreamer(LITE)
    assert np.array_equal(dreamer.engine.ascent.network.mean, fresh.engine.ascent.network.mean)
    assert not np.array_equal(dreamt.pixels, fresh(frames[1]).pixels)  # what SqueezeNet dreamt is still there


def test_two_networks_are_kept_at_most(monkeypatch) -> None:
    loaded = []
    load = models.load

    def load_any(name: str, weights: str, **on: OnStep | None) -> torch.nn.Module:
        loaded.append(name)
        return random_network(name) if name == "squeezenet1_1" else load(name, weights, **on)

    monkeypatch.setattr(models, "load", load_any)
    monkeypatch.setattr("livedream.dream.engine.check_names", lambda settings: None)
    dreamer = Dreamer(QUICK)
    assert dreamer.engine.ascent
    third = QUICK.replace(model="squeezenet1_1", layers="auto")
    for settings in (LITE, QUICK.replace(layers="fire4"), LITE, third, third, QUICK, LITE):
        dreamer.ascent_for(settings)
        assert len(dreamer.engine._traced) <= 2
    # The one that dreams stays, the other one goes for the third.
    assert loaded == ["squeezenet", "efficientnet_lite0", "squeezenet1_1", "efficientnet_lite0"]


def test_a_frame_looked_at_for_a_network_that_takes_smaller_ones(photo, monkeypatch) -> None:
    """The next network arrives between the look at a frame and its dream."""
    monkeypatch.setattr(models, "load", lambda name, weights, **on: random_network(name))
    monkeypatch.setattr("livedream.dream.engine.check_names", lambda settings: None)
    dreamer = Dreamer(QUICK.replace(model="squeezenet1_1", layers="auto", working_height=32, octaves=2))
    frames = stream(photo)
    dreamer(frames[0])
    sight = dreamer.analyze(frames[1])
    assert min(map(min, sight.shapes)) == 32
    dreamer.settings = QUICK.replace(model="alexnet", layers="features.4", working_height=32, octaves=2)  # 63 or more
    out = dreamer.compose(dreamer.dream(sight))
    assert not np.array_equal(out.pixels, frames[1].pixels)


def test_repeated_overflow_moves_to_safer_numbers_and_says_so(photo, caplog) -> None:
    dreamer = Dreamer(QUICK.replace(precision="bfloat16"))
    frame = stream(photo)[0]
    dreamer(frame)
    ascent = dreamer.engine.ascent
    ascent.objective = 1e40 * ascent.objective  # more than float32 holds
    for _ in range(3):
        out = dreamer(frame)
        assert np.abs(out.pixels.astype(int) - frame.pixels).mean() < 10  # the picture stands meanwhile
    assert dreamer.dropped_steps == 3
    assert "the network moves to cpu float32" in caplog.text
    dreamer(frame)
    assert dreamer.dropped_steps == 3
    assert dreamer.description.startswith("cpu float32")


@pytest.mark.parametrize(
    "look",
    [{"layers": "fire4", "pooling": "average", "natural_color": 0, "coarseness": 0}, {"layers": "fire8"}],
    ids=["mosaic", "live"],
)
def test_still_scene_neither_brightens_nor_darkens(photo, look) -> None:
    # A dark scene, and a look that brightens it: without the removal of the mean it gains 7 levels, and goes on.
    dreamer = Dreamer(DreamSettings(working_height=64, step_size=3, keep=0.98, **look))
    scene = (photo[:64, :96] * 0.4).astype(np.uint8)
    means = []
    for n in range(450):
        means.append(dreamer(Frame(scene, Fraction(n, 25), n)).pixels.mean())
    assert max(abs(mean - means[200]) for mean in means[200:]) < 3
    assert max(abs(mean - scene.mean()) for mean in means[200:]) < 3


class LooksAhead(Dreamer):
    """As beside a GPU: flows are estimated on threads of their own, ahead of the dream."""

    lookahead = 4


def test_frames_looked_at_ahead_dream_the_same(photo) -> None:
    ahead, one_by_one = LooksAhead(QUICK), Dreamer(QUICK)
    frames = stream(photo)
    frames += [frame.with_pixels(frames[-1].pixels) for frame in frames]  # stands still, which is counted
    sights = [ahead.analyze(frame) for frame in frames]
    for frame, sight in zip(frames, sights, strict=True):
        shown = ahead.compose(ahead.dream(sight))
        assert np.array_equal(shown.pixels, one_by_one(frame).pixels)
        assert int(ahead.state()["stood"]) == int(one_by_one.state()["stood"])
    assert int(ahead.state()["stood"]) > 0
