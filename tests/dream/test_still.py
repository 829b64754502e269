"""Stills: any size, tiles, masks, watching. That a still is dreamt from small to large is in test_dreamer."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from livedream import Dreamer, DreamSettings, Frame, load_preset
from livedream.dream import still as still_module
from livedream.dream.image.masks import Masks
from livedream.dream.image.tiles import join, tiles
from livedream.dream.still import dream_still, still_shapes
from livedream.errors import SourceError
from livedream.steps import StepReport

# Two octaves of the photograph, 134 and 96 pixels high.
QUICK = DreamSettings(layers="fire5", still_height=96, still_steps=2, smallest_octave=90, jitter=8)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.coffee()[::3, ::3])  # 134 x 200


@pytest.mark.parametrize(
    ("height", "width", "largest"),
    [
        (2160, 3840, (720, 1280)),
        (30, 40, (32, 32)),  # two times 16 columns
        (200, 8000, (200, 8000)),
        (8000, 200, (8000, 192)),  # not 720 x 18
        (1920, 1080, (720, 400)),
        (1, 1, (32, 32)),
    ],
)
def test_size_of_a_still(height, width, largest) -> None:
    assert still_shapes(DreamSettings(), height, width, smallest=32)[0] == largest


@pytest.mark.parametrize(
    ("height", "width", "changes", "heights"),
    [
        (400, 600, {}, [400, 286, 204, 146, 104]),
        (2160, 3840, {}, [720, 514, 367, 262, 187, 134]),
        (600, 200, {}, [600, 429]),  # 192 and 137 wide; the next would be 98
        (400, 600, {"octaves": 1}, [400, 286, 204, 146, 104]),
        (400, 600, {"smallest_octave": 200}, [400, 286, 204]),
        (400, 600, {"smallest_octave": 32}, [400, 286, 204, 146, 104, 74, 53, 38]),
        (400, 600, {"octave_scale": 2}, [400, 200, 100]),
        (90, 120, {}, [90]),
    ],
)
def test_octaves_of_a_still_go_down_to_the_smallest(height, width, changes, heights) -> None:
    sizes = still_shapes(DreamSettings(**changes), height, width, smallest=32)
    assert [size[0] for size in sizes] == heights
    assert all(min(size) >= changes.get("smallest_octave", 100) for size in sizes[1:])


def test_octaves_of_a_still_are_not_smaller_than_the_network_takes() -> None:
    sizes = still_shapes(DreamSettings(smallest_octave=32), 400, 600, smallest=150)
    assert [size[0] for size in sizes] == [400, 286, 204]


def test_steps_weaken_towards_black_and_white() -> None:
    """By hand: whole with 64 levels of room in the direction of the step, half with 32, and nothing without any."""
    before = torch.tensor([0.0, 16, 32, 64, 128, 191, 223, 255]).expand(1, 3, 4, 8).contiguous()
    for change, shares in ((4, [1, 1, 1, 1, 1, 1, 0.5, 0]), (-4, [0, 0.25, 0.5, 1, 1, 1, 1, 1])):

        def step(picture: torch.Tensor, size: object, octave: int, number: int, change: int = change) -> torch.Tensor:
            return picture + change

        (detail,) = dream_still(before, [(4, 8)], 1, step, Masks(()))  # type: ignore[arg-type]
        np.testing.assert_allclose(detail[0, 1, 2], change * np.array(shares))


def test_a_picture_does_not_burn_out() -> None:
    dreamer = Dreamer(load_preset("still").replace(smallest_octave=64))
    for photo in (data.chelsea(), data.coffee()):
        picture = np.ascontiguousarray(photo[::4, ::4])
        dream = np.asarray(dreamer(picture))
        burnt = np.isin(dream, (0, 255)).any(2) & ~np.isin(picture, (0, 255)).any(2)
        assert np.abs(dream.astype(int) - picture).mean() > 8
        assert burnt.mean() < 0.01


def fixed_cuts(size, side, draw):
    """Tiles that lie alike in all steps, where a seam would show best."""
    return tiles(size, side, np.random.default_rng(3))


def dreamt(settings: DreamSettings, picture: np.ndarray) -> np.ndarray:
    return np.asarray(Dreamer(settings)(picture)).astype(float) - picture


def test_tiles_leave_no_seam(monkeypatch) -> None:
    """Along the cuts one step is that of the whole picture. Without margins the error there is 1.2 times the step."""
    picture = np.ascontiguousarray(data.coffee()[:256])  # 256 x 600
    monkeypatch.setattr(still_module, "tiles", fixed_cuts)
    settings = QUICK.replace(
        layers="fire6", still_height=256, still_steps=1, smallest_octave=256, step_size=8, jitter=0
    )
    settings = settings.replace(precision="float32")
    whole = dreamt(settings, picture)
    error = np.abs(dreamt(settings.replace(tile_size=256), picture) - whole)
    cuts = [part.across.inner[0] for part in fixed_cuts((256, 600), 256, None)][1:]
    assert len(cuts) >= 4
    near = [cut + offset for cut in cuts for offset in range(-4, 4)]
    assert error[:, near].mean() < 0.05 * np.abs(whole[:, near]).mean()
    assert error.mean() < 0.02 * np.abs(whole).mean()


def test_a_dream_in_tiles_is_nearer_to_the_whole_than_one_of_another_jitter() -> None:
    picture = np.ascontiguousarray(data.coffee()[:256])
    settings = QUICK.replace(layers="fire6", still_height=256, still_steps=4)
    whole = dreamt(settings, picture)
    tiled = dreamt(settings.replace(tile_size=256), picture)
    other = dreamt(settings.replace(seed=1), picture)
    assert np.abs(tiled - whole).mean() < 0.7 * np.abs(other - whole).mean()
    assert np.abs(tiled).mean() == pytest.approx(np.abs(whole).mean(), rel=0.1)


def test_a_neuron_knows_no_jitter_and_a_silent_one_is_said(photo, caplog) -> None:
    settings = QUICK.replace(layers="neuron(fire5:173, 0.2, 0.5)", still_height=134, smallest_octave=134)
    dream = Dreamer(settings)(photo)
    assert not np.array_equal(dream, photo)
    assert np.array_equal(dream, Dreamer(settings.replace(jitter=0))(photo))
    assert "silent" not in caplog.text
    silent = settings.replace(layers="neuron(fire5:196, 0.2, 0.5)")  # at this place of this photograph
    assert np.array_equal(Dreamer(silent)(photo), photo)
    assert "nothing was dreamt: neuron(fire5:196, 0.2, 0.5) is zero for this image" in caplog.text


def test_a_neuron_has_one_place_whatever_the_tiles(photo) -> None:
    settings = QUICK.replace(layers="neuron(fire5:196, 0.2, 0.5)", still_height=134, smallest_octave=134, jitter=0)
    strip = np.ascontiguousarray(np.tile(photo, (1, 2, 1)))  # 134 x 400
    change = np.abs(dreamt(settings.replace(tile_size=256), strip)).sum((0, 2))
    assert change[40:120].sum() > 0  # 0.2 of 400
    assert change[160:].sum() == 0


def half_mask(path, size: tuple[int, int]) -> str:
    """A mask that is black on the left, transparent on the right, and white between, in a file."""
    pixels = np.zeros((*size, 4), np.uint8)
    pixels[:, :, 3] = 255
    third = size[1] // 3
    pixels[:, third:] = 255
    pixels[:, 2 * third :, 3] = 0
    Image.fromarray(pixels).save(path)
    return str(path)


def test_mask_keeps_the_source_of_a_still(photo, tmp_path) -> None:
    name = half_mask(tmp_path / "mask.png", (134, 200))
    dream = Dreamer(QUICK.replace(layers=f'fire5 + mask:"{name}"'))(photo)
    change = np.abs(dream.astype(int) - photo).sum((0, 2))
    assert change[:66].sum() == change[132:].sum() == 0
    assert (change[68:130] > 0).all()


def test_mask_keeps_the_source_of_a_stream(photo, tmp_path) -> None:
    name = half_mask(tmp_path / "mask.png", (67, 100))  # of another size
    dreamer = Dreamer(QUICK.replace(layers=f'fire5 + mask:"{name}"', working_height=64, keep=0.98))
    dreamer.prepare((200, 134))
    for index in range(4):  # it pans, and takes what was dreamt along
        pixels = np.ascontiguousarray(np.roll(photo, 6 * index, 1))
        change = np.abs(dreamer(Frame(pixels, Fraction(index, 25), index)).pixels.astype(int) - pixels).sum((0, 2))
        assert change[:65].sum() == change[133:].sum() == 0  # stretched, its edges are two pixels wide
        assert (change[67:131] > 0).all()


def test_missing_mask_is_said_before_the_first_picture() -> None:
    dreamer = Dreamer(QUICK.replace(layers="fire5 + mask:none.png"))
    with pytest.raises(SourceError, match=r"no such picture: none\.png"):
        dreamer.prepare((64, 64))


@pytest.mark.parametrize(("layers", "changes"), [("fire5 | 0*fire4", [1, 1, 0, 0]), ("0*fire4 | fire5", [0, 0, 1, 1])])
def test_octaves_dream_of_what_the_schedule_says(photo, layers, changes) -> None:
    """Two octaves of two steps; what has no weight changes nothing."""
    shown = [frame.pixels.astype(int) for frame in Dreamer(QUICK.replace(layers=layers)).spectate(photo)]
    before = [photo, *shown]
    depths = [np.abs(after - first).mean() for first, after in zip(before, shown, strict=False)]
    assert [int(depth > 0.5) for depth in depths] == changes


def test_spectate_shows_each_step_up_to_the_dream(photo) -> None:
    dreamer = Dreamer(QUICK)
    frames = list(dreamer.spectate(photo))
    assert len(frames) == dreamer.still_length((200, 134)) == 4
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == [Fraction(n, 10) for n in range(4)]
    assert {frame.size for frame in frames} == {(200, 134)}
    depths = [np.abs(frame.pixels.astype(int) - photo).mean() for frame in frames]
    assert depths[0] < depths[1] and depths[2] < depths[3] and depths[0] < depths[3]
    assert np.array_equal(frames[-1].pixels, dreamer(photo))
    (first, *_) = dreamer.spectate(Frame(photo, Fraction(7), 7))
    assert np.array_equal(first.pixels, frames[0].pixels)


def test_results_show_themselves_in_a_notebook(photo) -> None:
    dreamer = Dreamer(QUICK)
    dream = dreamer(photo)
    (first, *_) = dreamer.spectate(photo)
    for result, pixels in ((dream, dream), (first, first.pixels)):
        shown = cv2.imdecode(np.frombuffer(result._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(shown[:, :, ::-1], pixels)
    image = dreamer(Image.fromarray(photo))
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), dream)


def test_array_of_a_dream_is_an_array_like_any_other(photo) -> None:
    dream = Dreamer(QUICK)(photo)
    assert isinstance(dream, np.ndarray)
    assert type(dream - photo) is np.ndarray
    assert type(dream.mean()) is np.float64
    assert dream[:, :, 0]._repr_png_() is None  # type: ignore[attr-defined]


def test_masks_guides_and_classes_dream_the_same_again_to_the_bit(photo, tmp_path) -> None:
    Image.fromarray(data.chelsea()).save(tmp_path / "guide.png")
    name = half_mask(tmp_path / "mask.png", (134, 200))
    guide = tmp_path / "guide.png"
    layers = f'fire5 + guide:"{guide}"@fire5 + 9*class:goldfinch - 50*tv + mask:"{name}" | mean(fire4:7)'
    settings = QUICK.replace(layers=layers, tile_size=256)
    strip = np.ascontiguousarray(np.tile(photo, (1, 2, 1)))
    first, again = (Dreamer(settings.replace(still_height=134))(strip) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, strip)


def test_how_far_a_still_is_goes_by_the_pixels_of_its_octaves(photo) -> None:
    """Two octaves, 96x137 and 134x192, of two steps each."""
    reports: list[StepReport] = []
    dreamer = Dreamer(QUICK.replace(device="cpu", model="squeezenet"))
    dreamer.on_step = reports.append
    dreamer(photo)
    steps = [report for report in reports if report.task == "dreaming"]
    assert [(report.done, report.total) for report in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    whole = 2 * (96 * 137 + 134 * 192)
    expected = [96 * 137, 2 * 96 * 137, 2 * 96 * 137 + 134 * 192, whole]
    assert [report.share for report in steps] == pytest.approx([done / whole for done in expected])


def test_what_on_step_raises_ends_a_still(photo) -> None:
    def end(report) -> None:
        if report.done == 2:
            raise KeyboardInterrupt

    dreamer = Dreamer(QUICK.replace(device="cpu", model="squeezenet"))
    dreamer.on_step = end
    with pytest.raises(KeyboardInterrupt):
        dreamer(photo)


def test_each_tile_is_told() -> None:
    """A step of a large picture takes many tiles, and minutes."""
    parts, shares = tiles((600, 700), 288, np.random.default_rng(0)), list[float]()
    join(torch.zeros(1, 3, 600, 700), parts, lambda part: part, shares.append)
    assert shares == pytest.approx([(number + 1) / len(parts) for number in range(len(parts))])
