"""The receipt of a shard: written last, it says that the shard is complete, and where it was dreamt."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from livedream.errors import ArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is known about a shard that is complete."""

    manifest: str
    """The id of its manifest."""
    number: int
    frames: int
    bytes: int
    """The size of its file."""
    sha256: str
    """Of its file."""
    used: str
    """Device, precision, network, layers and size with which it was dreamt."""
    processor: str
    versions: Mapping[str, str]
    seconds: float
    """How long it took, from the first frame to the last; of the last run, if it was resumed."""
    begun: int = 0
    """The number of the frame in the shard with which the last run began."""
    worker: str = ""
    """The name of the machine, and the process."""

    def text(self) -> str:
        """Return the receipt as TOML."""
        facts = {key: value for key, value in asdict(self).items() if key != "versions"}
        lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
        versions = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in self.versions.items()]
        return "\n".join([*lines, "", "[versions]", *versions, ""])


def parse_receipt(content: bytes, name: str) -> Receipt:
    """Return the receipt in `content`. name: where it is, for errors. Raises ArgumentError."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
        numbers = {key: int(table[key]) for key in ("number", "frames", "bytes", "begun")}
        texts = {key: str(table[key]) for key in ("manifest", "sha256", "used", "processor", "worker")}
        versions = {str(key): str(value) for key, value in table["versions"].items()}
        return Receipt(versions=versions, seconds=float(table["seconds"]), **numbers, **texts)  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArgumentError(f"{name} is damaged", "delete it, and dream the shard again") from error
