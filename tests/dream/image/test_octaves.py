import pytest

from livedream.dream.image.octaves import octave_shapes, working_shape


@pytest.mark.parametrize(
    ("height", "width", "wanted", "expected"),
    [
        (720, 1280, 256, (256, 448)),  # 455 wide, to the nearest 16
        (360, 640, 180, (180, 320)),
        (272, 640, 256, (256, 608)),
        (144, 176, 256, (144, 176)),  # never enlarged for the height asked for
        (1, 4000, 256, (32, 4000)),  # but for what the network takes
        (20, 20, 256, (32, 32)),
    ],
)
def test_working_size(height, width, wanted, expected) -> None:
    assert working_shape(height, width, wanted, smallest=32) == expected


def test_octaves_by_hand() -> None:
    assert octave_shapes((256, 448), 3, 1.4, 32) == [(256, 448), (183, 320), (131, 229)]


def test_octaves_smaller_than_the_network_takes_are_left_out() -> None:
    assert octave_shapes((80, 160), 5, 2, 32) == [(80, 160), (40, 80)]
    assert octave_shapes((32, 32), 5, 2, 32) == [(32, 32)]
