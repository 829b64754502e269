"""Writes frames as numbered images whose names follow a pattern."""

from os import PathLike
from pathlib import Path

from livedream.errors import SinkError
from livedream.names import NumberedName
from livedream.sink.images import FramesSink
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of, recipe_beside, recipe_in_folder
from livedream.stream_info import StreamInfo


class NumberedPaths:
    """The paths that a pattern such as `frames/%06d.png` stands for.

    Raises:
        ArgumentError: The name of the file has no place for a number, or several.
    """

    def __init__(self, pattern: Path) -> None:
        self.pattern = pattern
        self._name = NumberedName.parse(pattern.name, str(pattern))

    def path(self, number: int) -> Path:
        return self.pattern.with_name(self._name.name(number))

    def existing(self) -> list[tuple[int, Path]]:
        """Return the files whose names match, with their numbers of any length. Raises SinkError."""
        try:
            numbered = [(self._name.digits_in(path.name), path) for path in self.pattern.parent.iterdir()]
            return [(int(digits), path) for digits, path in numbered if digits]
        except FileNotFoundError as error:
            text = f"{self.pattern} cannot be written: the folder {self.pattern.parent} does not exist"
            raise SinkError(text, "create it first") from error
        except OSError as error:
            raise SinkError(f"{self.pattern} cannot be written: {error.strerror}", "choose another place") from error

    @property
    def recipe(self) -> Path:
        """The path of the recipe: the name without the number, or that of a folder of frames."""
        stem = f"{self._name.before.rstrip(' -_.')}{self._name.after.removesuffix(self.pattern.suffix)}".strip(" -_.")
        folder = self.pattern.parent
        return recipe_beside(folder / f"{stem}{self.pattern.suffix}") if stem else recipe_in_folder(folder)


class NumberedSink(FramesSink):
    """Writes one image per frame: `out%06d.png` becomes out000000.png, out000001.png and so on.

    The numbers begin at 0, as in a folder of frames. The same pattern reads the images again as a source. The recipe
    is beside them, under the name without the number: out.png.toml.

    Args:
        pattern: A path with one `%d`, or `%06d` for six digits, in the name of the file. The folder must exist.
        info: What is known about the frames.
        overwrite: Whether existing images may be replaced.

    Raises:
        ArgumentError: There is no place for a number in the name, or more than one.
        SinkError: Such images exist already, or they cannot be written.
    """

    def __init__(
        self, pattern: str | PathLike[str], info: StreamInfo | None = None, *, overwrite: bool = False
    ) -> None:
        path = Path(pattern)
        self._paths = NumberedPaths(path)
        recipe_file = self._paths.recipe
        super().__init__(str(pattern), OutputLock(path), recipe_file, info or StreamInfo(), overwrite=overwrite)
        self._inputs.refuse_output(path)
        self._inputs.refuse(recipe_file, part_of(recipe_file))
        self._begin()

    def _path(self, number: int) -> Path:
        return self._paths.path(number)

    def _existing(self) -> list[tuple[int, Path]]:
        return self._paths.existing()
