"""The working size of a dream, and its octaves."""

Shape = tuple[int, int]
"""(height, width) in pixels, as in the shape of a tensor. A size, at the public edge, is (width, height)."""

# With a width that is a multiple of 16, the maps of all layers have whole sizes and aligned rows.
_GRID = 16


def working_shape(height: int, width: int, wanted: int, smallest: int) -> Shape:
    """Return the shape at which an image of `height` x `width` is dreamt.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        wanted: the working height; smaller images are not enlarged.
        smallest: shortest side that the network accepts; a shorter side is stretched to it.
    """
    scale = min(wanted / height, 1)
    return max(round(height * scale), smallest), max(round(width * scale / _GRID) * _GRID, smallest)


def octave_shapes(shape: Shape, octaves: int, scale: float, smallest: int) -> list[Shape]:
    """Return the shapes of the octaves, from `shape` itself to the smallest, each `scale` times smaller than the last.

    Octaves with a side shorter than `smallest` are left out, except the first one.
    """
    shapes = [shape]
    for octave in range(1, octaves):
        height, width = (round(side / scale**octave) for side in shape)
        if min(height, width) < smallest:
            break
        shapes.append((height, width))
    return shapes


def share_of(number: int, octaves: int) -> float:
    """Return the position of an octave between the smallest, 0, and the full size, 1. number: 0 is the full size."""
    return 1.0 if octaves == 1 else 1 - number / (octaves - 1)
