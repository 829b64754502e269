"""Sizes at which to dream. Sizes are (height, width) in pixels here, as in the tensors they are for."""

Shape = tuple[int, int]

# A width that is a multiple of 16 keeps the maps of every layer whole and the memory of each row aligned.
_GRID = 16


def working_shape(height: int, width: int, wanted: int, smallest: int) -> Shape:
    """Return the shape at which a picture of `height` x `width` is dreamt.

    wanted: the height asked for; a smaller picture is not enlarged for it.
    smallest: the shortest side that the network takes; a side that is shorter is stretched to it.
    """
    scale = min(wanted / height, 1)
    return max(round(height * scale), smallest), max(round(width * scale / _GRID) * _GRID, smallest)


def octave_shapes(shape: Shape, octaves: int, scale: float, smallest: int) -> list[Shape]:
    """Return the shapes of the octaves, from `shape` itself to the smallest, each `scale` times smaller than the last.

    Octaves with a side under `smallest` are left out; the first one always stays.
    """
    shapes = [shape]
    for octave in range(1, octaves):
        height, width = (round(side / scale**octave) for side in shape)
        if min(height, width) < smallest:
            break
        shapes.append((height, width))
    return shapes


def share_of(number: int, octaves: int) -> float:
    """Return where an octave stands between the smallest, 0, and the full size, 1. number: 0 is the full size."""
    return 1.0 if octaves == 1 else 1 - number / (octaves - 1)
