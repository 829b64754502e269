"""The primary colours of images and videos, and their conversion to CIE XYZ."""

import numpy as np

Place = tuple[float, float]
"""Chromaticity: x and y of CIE 1931."""
Primaries = tuple[Place, Place, Place, Place]
"""The chromaticities of red, green, blue and white."""

D65: Place = (0.3127, 0.3290)
D50: Place = (0.34567, 0.35850)
_C: Place = (0.310, 0.316)
_DCI: Place = (0.314, 0.351)
BT709: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65)
"""Also those of sRGB."""
ADOBE_RGB: Primaries = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), D65)
FOREIGN: dict[int, tuple[str, Primaries]] = {
    4: ("NTSC 1953", ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C)),
    8: ("film", ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C)),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI)),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)),
}
"""The primaries that are converted to BT.709, by their numbers in ITU-T H.273, table 2.

Those of BT.601 (5, 6), SMPTE 240M (7) and EBU 3213 (22) are not: they are close to BT.709, and many programs write them
when they only mean the matrix of BT.601.
"""
HD_WIDTH, HD_HEIGHT = 1280, 720
"""A video that names no matrix is read as BT.709 from either of these sizes on, as in players, and as BT.601 below."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: Primaries, white: Place) -> np.ndarray:
    """Return the matrix (3, 3) from linear RGB to XYZ, adapted to another white by Bradford's method.

    Raises numpy.linalg.LinAlgError when the primaries lie on one line.
    """
    columns = np.array([_xyz(place) for place in primaries[:3]]).T
    own = _xyz(primaries[3])
    cones, wanted = _BRADFORD @ own, _BRADFORD @ _xyz(white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(wanted / cones) @ _BRADFORD
    matrix: np.ndarray = adapt @ (columns * np.linalg.solve(columns, own))
    return matrix


def _xyz(place: Place) -> np.ndarray:
    x, y = place
    return np.array([x / y, 1, (1 - x - y) / y])
