"""The files that a dream is made of, besides its source."""

from pathlib import Path

from livedream.dream.objective.parser import parse
from livedream.models import OFFICIAL
from livedream.recipe import fingerprint
from livedream.settings import DreamSettings


def ingredients(settings: DreamSettings) -> str:
    """Return the fingerprint of the files named in the layers and of the user's own weights.

    Raises SourceError, ArgumentError.
    """
    weights = [] if settings.weights == OFFICIAL else [Path(settings.weights)]
    return fingerprint([*parse(settings.layers).files, *weights])
