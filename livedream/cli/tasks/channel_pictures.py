"""The pictures of `livedream visualize`, and where they are written."""

import dataclasses
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from livedream import contact_sheet
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.capture.open import open_source
from livedream.cli.activity import Activity
from livedream.cli.console import remark, say
from livedream.cli.progress import counted, took
from livedream.cli.signals import stopping
from livedream.cli.tasks.batch_plan import make_folder
from livedream.cli.tasks.costs import step_cost
from livedream.cli.tasks.recipes import files_read
from livedream.dream.objective.ingredients import ingredients
from livedream.dream.objective.network_choice import network_for
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.formats.suffixes import IMAGE_SUFFIXES_OUT
from livedream.frame import Frame
from livedream.recipe import Recipe, about
from livedream.settings import DreamSettings
from livedream.sink.images import save
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.open import open_sink
from livedream.sink.partial_file import check_new, write_whole
from livedream.sink.sidecar import is_untouched, sealed
from livedream.steps import Parts, StepReport
from livedream.stream_info import StreamInfo
from livedream.visualize.atlas import choose_channels, page, picture_name
from livedream.visualize.visualizer import Visualizer

COLUMNS = 4
"""The columns of a sheet that is not an atlas."""


class Drawing:
    """Draws pictures from noise and writes them.

    Args:
        settings, size, steps: as for a Visualizer.
        overwrite: whether existing files may be replaced.
        carry_recipes: whether pictures carry their recipes, which are needed to continue an interrupted atlas.
    """

    def __init__(
        self, settings: DreamSettings, size: int, steps: int, overwrite: bool, *, carry_recipes: bool = True
    ) -> None:
        self._settings = settings
        self._size = size
        self._steps = steps
        self._overwrite = overwrite
        self._carry_recipes = carry_recipes
        self._draw = Visualizer(settings)

    def pictures(self, objectives: Sequence[str], target: str | None) -> None:
        """Draw `objectives`: one as a picture, several as a sheet, or each as a picture in a folder."""
        used = self._prepare(objectives)
        began = time.monotonic()
        if target is not None and (target.endswith("/") or Path(target).is_dir()):
            self._begin(objectives, used, target)
            with self._folder(Path(target)) as lock, Activity("drawing") as activity:
                self._draw.on_step = activity.step
                missing = self._missing(Path(target), objectives, used)
                self._fill(Path(target), objectives, missing, used, lock)
                count = len(missing)
        else:
            target = target or (picture_name(objectives[0]) if len(objectives) == 1 else "channels.png")
            refuse_videos(target)
            info = self._info(objectives)
            with stopping(), open_sink(target, info, overwrite=self._overwrite) as sink:
                self._begin(objectives, used, target)
                sink.recipe = self._carried(self._recipe(" + ".join(objectives), used))
                with Activity("drawing") as activity:
                    self._draw.on_step = activity.step
                    drawn = self._draw(objectives, self._size, self._steps)
                    activity.step(StepReport(f"writing {target}"))
                    one = (
                        drawn[0]
                        if len(drawn) == 1
                        else contact_sheet.sheet(contact_sheet.in_rows(self._tiles(objectives, drawn), COLUMNS))
                    )
                    sink.write(Frame(one, Fraction(0), 0))
                count = len(objectives)
        _conclude(count, began, target)

    def atlas(self, folder: Path, channels: int) -> None:
        """Draw `channels` channels of every layer: each as a picture in `folder`, and all on a sheet and a web page."""
        row = network_for(self._settings)
        with Activity("preparing") as activity:
            self._draw.on_step = activity.step
            rows = choose_channels(self._draw, row.name, channels)
        every = [objective for objectives in rows.values() for objective in objectives]
        used = self._prepare(every)
        began = time.monotonic()
        self._begin(every, used, f"{folder}/")
        index, whole = folder / "index.html", folder / "atlas.png"
        with self._folder(folder) as lock, Activity("drawing") as activity:
            check_new(index, self._overwrite or _is_own_page(index))
            check_new(whole, self._overwrite or _is_own_sheet(whole))
            missing = {layer: self._missing(folder, objectives, used) for layer, objectives in rows.items()}
            costs = [step_cost(self._settings.replace(layers=layer)) * len(missing[layer]) for layer in rows]
            parts, tiles = Parts(costs, activity.step), []
            for number, (layer, objectives) in enumerate(rows.items()):
                self._draw.on_step = parts.of(number, f"{layer}, layer {number + 1} of {len(rows)}")
                try:
                    pictures = self._fill(folder, objectives, missing[layer], used, lock)
                except KeyboardInterrupt:
                    remark(f"{number} of {len(rows)} layers are drawn; the same command continues {folder}/")
                    raise
                tiles.append(self._tiles(objectives, pictures))
            activity.step(StepReport(f"writing {whole}"))
            text = page(row.name, f"{used}, {counted(self._steps, 'step')}", rows, dict(row.layers), self._size)
            inputs = Inputs.of(self._info(every))
            write_whole(index, sealed(text, "<!-- {} -->").encode(), lock, overwrite=True, inputs=inputs)
            pixels = contact_sheet.sheet(tiles)
            recipe = dataclasses.replace(self._recipe(row.name, used), options={"atlas": _digest(pixels)})
            frame = Frame(pixels, Fraction(0), 0)
            save(frame, whole, lock, self._carried(recipe), overwrite=True, inputs=inputs)
        _conclude(sum(map(len, missing.values())), began, f"{whole}, {index}")

    def _prepare(self, objectives: Sequence[str]) -> str:
        """Load the network, and return its description."""
        with Activity("preparing") as activity:
            self._draw.on_step = activity.step
            return self._draw.prepare(objectives)

    def _info(self, objectives: Sequence[str]) -> StreamInfo:
        """Return the stream info of a drawing: the files that it reads."""
        read: dict[Path, str] = {}
        for objective in objectives:
            read |= files_read(None, self._settings.replace(layers=objective))
        return StreamInfo(also_read=read)

    @contextmanager
    def _folder(self, folder: Path) -> Iterator[OutputLock]:
        """Make `folder`, and lock it."""
        make_folder(folder)
        with OutputLock(folder, folder=True) as lock:
            yield lock

    def _begin(self, objectives: Sequence[str], used: str, target: str) -> None:
        names = f"{len(objectives)} pictures" if len(objectives) > COLUMNS else ", ".join(objectives)
        say(f"{used}, {self._size}x{self._size}, {counted(self._steps, 'step')}: {names} -> {target}")

    def _tiles(self, objectives: Sequence[str], drawn: Sequence[np.ndarray]) -> list[np.ndarray]:
        size = self._size, self._size
        return [
            contact_sheet.tile(pixels, size, objective) for objective, pixels in zip(objectives, drawn, strict=True)
        ]

    def _missing(self, folder: Path, objectives: Sequence[str], used: str) -> list[str]:
        """Return those of `objectives` whose pictures are not in `folder` yet.

        Raises SinkError for an existing picture that was drawn with other settings, unless it may be replaced.
        """
        return [one for one in objectives if not self._exists(folder / picture_name(one), self._recipe(one, used))]

    def _fill(
        self, folder: Path, objectives: Sequence[str], missing: Sequence[str], used: str, lock: OutputLock
    ) -> list[np.ndarray]:
        """Return the pictures of `objectives` in `folder`, and draw those that are `missing`."""
        inputs = Inputs.of(self._info(objectives))
        paths = {objective: folder / picture_name(objective) for objective in objectives}
        inputs.refuse(*paths.values())
        with stopping():
            drawn = dict(zip(missing, self._draw(missing, self._size, self._steps), strict=True))
            for objective, pixels in drawn.items():
                frame, recipe = Frame(pixels, Fraction(0), 0), self._carried(self._recipe(objective, used))
                save(frame, paths[objective], lock, recipe, overwrite=self._overwrite, inputs=inputs)
        return [drawn[one] if one in drawn else _read(paths[one]) for one in objectives]

    def _exists(self, path: Path, recipe: Recipe) -> bool:
        if not path.exists():
            return False
        try:
            same = not recipe.differences(embedded_recipe(path))
        except (ArgumentError, SourceError):
            same = False
        if not same and not self._overwrite:
            raise SinkError(
                f"{path} exists already, drawn with other settings", "use --overwrite, or choose another folder"
            )
        return same

    def _recipe(self, objective: str, used: str) -> Recipe:
        options: dict[str, str | int] = {"visualize": "from noise", "size": self._size, "steps": self._steps}
        settings = self._settings.replace(layers=objective)
        return Recipe(settings=settings, ingredients=ingredients(settings), used=used, options=options)

    def _carried(self, recipe: Recipe) -> Recipe | None:
        return recipe if self._carry_recipes else None


def _conclude(count: int, began: float, written: str) -> None:
    """Print how many pictures were drawn since `began`."""
    if count:
        say(f"drew {took(count, 'picture', time.monotonic() - began)}; written: {written}")
    else:
        say(f"all pictures exist already: {written}")


def refuse_videos(target: str) -> None:
    """Raise ArgumentError when `target` is not a picture file."""
    if not target.lower().endswith(IMAGE_SUFFIXES_OUT):
        raise ArgumentError(f"{target} is not a picture", f"name a file that ends in {', '.join(IMAGE_SUFFIXES_OUT)}")


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
        digest = about(embedded_recipe(path)).get("options", {}).get("atlas")
        return bool(digest == _digest(_read(path)))
    except (ArgumentError, SourceError):
        return False


def _digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:32]
