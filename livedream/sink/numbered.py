"""Frames as numbered pictures, by the name that each is to have."""

from os import PathLike
from pathlib import Path

from livedream.errors import SinkError
from livedream.names import NumberedName
from livedream.sink.images import FramesSink
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of, recipe_beside, recipe_in_folder
from livedream.stream_info import StreamInfo


class NumberedPaths:
    """The names that a pattern such as `frames/%06d.png` stands for.

    Raises ArgumentError when the name of the file has not one place for a number.
    """

    def __init__(self, pattern: Path) -> None:
        self.pattern = pattern
        self._name = NumberedName.parse(pattern.name, str(pattern))

    def path(self, number: int) -> Path:
        return self.pattern.with_name(self._name.name(number))

    def there(self) -> list[tuple[int, Path]]:
        """Return the files of such names with their numbers, of any number of digits. Raises SinkError."""
        try:
            found = [(self._name.digits_in(path.name), path) for path in self.pattern.parent.iterdir()]
            return [(int(digits), path) for digits, path in found if digits]
        except FileNotFoundError as error:
            text = f"{self.pattern} cannot be written: the folder {self.pattern.parent} does not exist"
            raise SinkError(text, "create it first") from error
        except OSError as error:
            raise SinkError(f"{self.pattern} cannot be written: {error.strerror}", "choose another place") from error

    @property
    def recipe(self) -> Path:
        """Where the recipe of the pictures is: under the name without the number, or that of a folder of pictures."""
        stem = f"{self._name.before.rstrip(' -_.')}{self._name.after.removesuffix(self.pattern.suffix)}".strip(" -_.")
        folder = self.pattern.parent
        return recipe_beside(folder / f"{stem}{self.pattern.suffix}") if stem else recipe_in_folder(folder)


class NumberedSink(FramesSink):
    """One picture a frame: `out%06d.png` becomes out000000.png, out000001.png, in the order in which they come.

    The numbers begin at 0, as in a folder of pictures; what is written so is read again by the same pattern. The recipe
    is beside them, under the name without the number: out.png.toml.

    pattern: a path with one `%d`, or `%06d` for six digits, in the name of the file; the folder must be there.
    Raises ArgumentError when there is more than one place for a number, SinkError when there are pictures of such names
    already, unless `overwrite`, and when they cannot be written.
    """

    def __init__(
        self, pattern: str | PathLike[str], info: StreamInfo | None = None, *, overwrite: bool = False
    ) -> None:
        path = Path(pattern)
        self._numbers = NumberedPaths(path)
        recipe_file = self._numbers.recipe
        super().__init__(str(pattern), OutputLock(path), recipe_file, info or StreamInfo(), overwrite=overwrite)
        self._inputs.refuse_output(path)
        self._inputs.refuse(recipe_file, part_of(recipe_file))
        self._begin()

    def _path(self, number: int) -> Path:
        return self._numbers.path(number)

    def _there(self) -> list[tuple[int, Path]]:
        return self._numbers.there()
