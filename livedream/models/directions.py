"""Named directions in the channel space of layers: a weight for each channel. Does not import torch.

The outputs of EfficientNet-Lite0's blocks are linear, so concepts lie in directions rather than in single channels,
none of which draws a whole dog. Each direction is the mean response of a layer to stills of a group, dreamt by
SqueezeNet, minus the mean response to other stills, divided by the variance of each channel. In blocks.10 it is limited
to the 16 strongest channels: with it SqueezeNet recognises 19 of 20 stills as dogs, and 9 with blocks.11 alone.
"""

from typing import NamedTuple


class LayerDirection(NamedTuple):
    """A direction in the channel space of one layer."""

    layer: str
    pull: float
    """Factor of the weights at which the direction is about as strong as the whole layer."""
    hundredths: str
    """The weight of each channel, in hundredths."""

    @property
    def weights(self) -> dict[int, float]:
        """The weights times the pull, by channel, without those that are 0."""
        numbers = map(int, self.hundredths.split())
        return {channel: self.pull * number / 100 for channel, number in enumerate(numbers) if number}


DIRECTIONS: dict[str, dict[str, tuple[LayerDirection, ...]]] = {
    "efficientnet_lite0": {
        "dogs": (
            LayerDirection(
                "blocks.10",
                1.0,
                "0 0 0 0 0 0 0 -52 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -53 0 0 0 0 0 0 0 0 0 0 0 0 0 "
                "77 56 50 0 0 0 -74 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 33 0 0 53 -53 41 0 38 0 -30 0 0 "
                "-64 -38 0 0 0 37 0 -100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            ),
            LayerDirection(
                "blocks.11",
                0.25,
                "-3 -20 24 39 -10 11 -41 28 -1 -7 26 20 -71 -33 28 -31 -27 -17 -16 54 -31 -39 68 -2 88 22 10 "
                "-31 -23 2 4 1 8 -19 17 -14 58 24 14 -17 27 -34 28 -6 58 -16 43 17 33 61 10 6 -3 59 3 -17 41 "
                "-4 41 -9 -26 -23 13 -57 -6 27 5 41 -15 -17 -52 28 10 66 28 -57 12 -21 32 -12 -6 -33 -44 23 "
                "25 15 -42 -13 56 80 21 93 -12 57 34 -4 8 -11 -71 -18 43 7 15 -19 -27 26 -4 -5 -40 -36 14 75 "
                "-20 1 -2 -7 -29 41 -39 35 -37 -23 -3 70 0 -31 -39 -22 39 -27 -31 -25 -31 4 -30 -34 -4 -24 5 "
                "-91 20 26 -5 30 20 -44 -15 -43 -44 7 23 -61 16 -29 29 26 -21 41 27 -3 37 3 39 -70 -22 24 -77 "
                "25 -14 62 -24 -58 -18 65 24 2 53 -5 -27 13 17 -29 15 57 -100 -12 35 -46 -13 -1 52 18",
            ),
        ),
        "birds": (
            LayerDirection(
                "blocks.11",
                0.25,
                "-9 -6 14 -41 -55 47 -24 0 24 -31 13 -9 -27 -10 43 -41 13 -42 27 17 -40 -21 15 -30 -58 3 -15 "
                "11 -1 15 -11 23 4 -9 3 -16 -6 34 49 25 28 -17 -64 -31 19 13 -36 54 -49 32 -20 -22 16 -21 -39 "
                "25 26 16 44 16 -15 11 -21 21 -60 -20 59 1 -9 -24 -15 15 -1 -8 12 10 -33 -14 8 30 21 -39 11 "
                "27 59 15 -39 72 -26 3 14 -29 34 14 15 -19 7 100 -3 11 -2 7 37 -38 21 40 -28 -39 -56 -21 -12 "
                "-11 0 -38 9 -33 20 -16 -37 6 -11 -1 -13 -37 -7 6 32 -21 13 10 -10 -16 -8 -28 -9 -49 39 41 "
                "-25 -23 -46 -4 16 -65 -3 -57 13 15 -20 17 13 -25 -33 -28 -25 9 -13 -8 16 -38 -12 -17 60 -11 "
                "25 -20 53 -40 -1 17 -36 -8 25 -60 -23 -12 13 27 -11 18 31 -20 26 11 25 8 -50 20 -6 -9 5 27",
            ),
        ),
    },
}
"""By network, then by name."""
