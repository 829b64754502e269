"""What `livedream visualize` draws, and where it lies."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from livedream import sheet
from livedream.capture.carried import carried_recipe
from livedream.capture.source import open_source
from livedream.cli.dreaming import files_read, ingredients
from livedream.cli.jobs import make_folder
from livedream.cli.output import remark, say
from livedream.cli.stopping import stopping
from livedream.dream.choice import network_for
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.frame import Frame
from livedream.recipe import Recipe, about
from livedream.settings import DreamSettings
from livedream.sink.beside import is_untouched, sealed
from livedream.sink.images import save
from livedream.sink.lock import OutputLock
from livedream.sink.part import check_new, write_whole
from livedream.sink.sink import Facts, open_sink
from livedream.suffixes import PICTURES_OUT
from livedream.visualize.atlas import choose_channels, page, picture_name
from livedream.visualize.visualize import Visualizer

COLUMNS = 4
"""Of a sheet of pictures that belong to no layer."""


class Drawing:
    """Draws pictures from noise and writes them.

    settings, size, steps: as a Visualizer takes them. overwrite: whether files that are there may be replaced.
    """

    def __init__(self, settings: DreamSettings, size: int, steps: int, overwrite: bool) -> None:
        self._settings = settings
        self._size = size
        self._steps = steps
        self._overwrite = overwrite
        self._draw = Visualizer(settings)

    def pictures(self, objectives: Sequence[str], target: str | None) -> None:
        """Draw `objectives`: one into a picture, several into a sheet, or each into its own in a folder."""
        used = self._draw.prepare(objectives)
        if target is not None and (target.endswith("/") or Path(target).is_dir()):
            self._begin(objectives, used, target)
            with self._folder(Path(target)) as lock:
                self._fill(Path(target), objectives, used, lock)
        else:
            target = target or (picture_name(objectives[0]) if len(objectives) == 1 else "channels.png")
            refuse_films(target)
            facts = self._reading(objectives)
            with stopping(), open_sink(target, facts, overwrite=self._overwrite) as sink:
                self._begin(objectives, used, target)
                sink.recipe = self._recipe(" + ".join(objectives), used)
                drawn = self._draw(objectives, self._size, self._steps)
                one = (
                    drawn[0] if len(drawn) == 1 else sheet.sheet(sheet.in_rows(self._tiles(objectives, drawn), COLUMNS))
                )
                sink.write(Frame(one, Fraction(0), 0))
        say(f"written: {target}")

    def atlas(self, folder: Path, channels: int) -> None:
        """Draw so many channels of every layer, each into a picture in `folder`, and all on a sheet and a page."""
        row = network_for(self._settings)
        rows = choose_channels(self._draw, row.name, channels)
        every = [objective for objectives in rows.values() for objective in objectives]
        used = self._draw.prepare(every)
        self._begin(every, used, f"{folder}/")
        index, whole = folder / "index.html", folder / "atlas.png"
        with self._folder(folder) as lock:
            check_new(index, self._overwrite or _is_own_page(index))
            check_new(whole, self._overwrite or _is_own_sheet(whole))
            tiles = []
            for number, (layer, objectives) in enumerate(rows.items(), 1):
                remark(f"{number} of {len(rows)}: {layer}")
                tiles.append(self._tiles(objectives, self._fill(folder, objectives, used, lock)))
            text = page(row.name, f"{used}, {self._steps} steps", rows, dict(row.layers), self._size)
            inputs = self._reading(every).inputs()
            write_whole(index, sealed(text, "<!-- {} -->").encode(), lock, overwrite=True, inputs=inputs)
            pixels = sheet.sheet(tiles)
            recipe = dataclasses.replace(self._recipe(row.name, used), options={"atlas": _digest(pixels)})
            save(Frame(pixels, Fraction(0), 0), whole, lock, recipe, overwrite=True, inputs=inputs)
        say(f"written: {whole}, {index}")

    def _reading(self, objectives: Sequence[str]) -> Facts:
        """Return the facts about what is drawn: which files are read for it."""
        read: dict[Path, str] = {}
        for objective in objectives:
            read |= files_read(None, self._settings.replace(layers=objective))
        return Facts(also_read=read)

    @contextmanager
    def _folder(self, folder: Path) -> Iterator[OutputLock]:
        """Make `folder`, and write into it alone."""
        make_folder(folder)
        with OutputLock(folder, folder=True) as lock:
            yield lock

    def _begin(self, objectives: Sequence[str], used: str, target: str) -> None:
        many = f"{len(objectives)} pictures" if len(objectives) > COLUMNS else ", ".join(objectives)
        say(f"{used}, {self._size}x{self._size}, {self._steps} steps: {many} -> {target}")

    def _tiles(self, objectives: Sequence[str], drawn: Sequence[np.ndarray]) -> list[np.ndarray]:
        size = self._size, self._size
        return [sheet.tile(pixels, size, objective) for objective, pixels in zip(objectives, drawn, strict=True)]

    def _fill(self, folder: Path, objectives: Sequence[str], used: str, lock: OutputLock) -> list[np.ndarray]:
        """Return the pictures of `objectives`, drawn into `folder` where they are not there already.

        Raises SinkError for a picture that is there and was drawn otherwise, unless it may be replaced.
        """
        inputs = self._reading(objectives).inputs()
        recipes = {objective: self._recipe(objective, used) for objective in objectives}
        paths = {objective: folder / picture_name(objective) for objective in objectives}
        inputs.refuse(*paths.values())
        missing = [objective for objective in objectives if not self._is_there(paths[objective], recipes[objective])]
        with stopping():
            drawn = dict(zip(missing, self._draw(missing, self._size, self._steps), strict=True))
            for objective, pixels in drawn.items():
                frame = Frame(pixels, Fraction(0), 0)
                save(frame, paths[objective], lock, recipes[objective], overwrite=self._overwrite, inputs=inputs)
        return [drawn[one] if one in drawn else _read(paths[one]) for one in objectives]

    def _is_there(self, path: Path, recipe: Recipe) -> bool:
        if not path.exists():
            return False
        try:
            same = not recipe.differences(carried_recipe(path))
        except (ArgumentError, SourceError):
            same = False
        if not same and not self._overwrite:
            raise SinkError(f"{path} is there already, drawn otherwise", "use --overwrite, or another folder")
        return same

    def _recipe(self, objective: str, used: str) -> Recipe:
        options: dict[str, str | int] = {"visualize": "from noise", "size": self._size, "steps": self._steps}
        settings = self._settings.replace(layers=objective)
        return Recipe(settings=settings, ingredients=ingredients(settings), used=used, options=options)


def refuse_films(target: str) -> None:
    """Raise ArgumentError when what stands still would be written into a film, or shown to nobody."""
    if not target.lower().endswith(PICTURES_OUT):
        raise ArgumentError(f"{target} is no picture", f"name one of {', '.join(PICTURES_OUT)}")


def _read(path: Path) -> np.ndarray:
    with open_source(path) as source:
        return next(iter(source)).pixels


def _is_own_page(path: Path) -> bool:
    """Return whether `path` is the page of an atlas, as livedream wrote it."""
    try:
        return path.is_file() and is_untouched(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False


def _is_own_sheet(path: Path) -> bool:
    """Return whether `path` is the sheet of an atlas, as livedream wrote it."""
    try:
        digest = about(carried_recipe(path)).get("options", {}).get("atlas")
        return bool(digest == _digest(_read(path)))
    except (ArgumentError, SourceError):
        return False


def _digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:32]
