"""Puts the shards of a film together, with its sound, by the writer of a single run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from livedream.capture.video import VideoSource
from livedream.errors import SinkError, SourceError
from livedream.farm.manifest import Film, Shard
from livedream.farm.receipt import Receipt, parse_receipt
from livedream.farm.shard import sha256_of
from livedream.farm.workspace import Workspace
from livedream.recipe import Recipe, fingerprint
from livedream.sink.video.joined import JoinedVideoSink, Piece
from livedream.stream_info import StreamInfo


class ShardError(SourceError):
    """A shard is missing, or is not what the manifest says."""


def check_shards(work: Workspace, film: Film) -> list[Receipt]:
    """Return the receipts of all shards of a film.

    Only sizes are compared; `join_film` reads the files. Raises ShardError for the first that is missing or wrong.
    """
    receipts = [_receipt(work, film, shard) for shard in film.shards]
    for receipt, shard in zip(receipts, film.shards, strict=True):
        if not work.manifest.mixed and receipt.processor != receipts[0].processor:
            text = f"shard {shard.number} was dreamt on {receipt.processor}, shard {film.shards[0].number} on"
            raise ShardError(f"{text} {receipts[0].processor}", _again(work, shard, delete=True))
        if receipt.used != receipts[0].used:
            text = f"shard {shard.number} was dreamt by {receipt.used}, not by {receipts[0].used}"
            raise ShardError(text, _again(work, shard, delete=True))
    return receipts


def join_film(
    work: Workspace, film: Film, *, overwrite: bool = False, on_frame: Callable[[int], object] = lambda count: None
) -> Path:
    """Write a film from its shards, and return the file on this machine.

    Args:
        work: has the shards.
        film: of the manifest.
        overwrite: whether an existing film may be replaced.
        on_frame: called with the number of frames written.

    Raises:
        ShardError: a shard is missing or is not what the manifest says.
        SourceError: the film itself has changed since it was planned.
        SinkError: the film cannot be written, or exists already.
    """
    receipts = check_shards(work, film)
    source_path = work.film(film)
    if fingerprint([source_path]) != film.fingerprint:
        raise SourceError(f"{source_path} has changed since it was planned", "plan again")
    store = work.store
    target = store.workplace / film.target
    target.parent.mkdir(parents=True, exist_ok=True)
    if store.folder is None and store.size(film.target) is not None and not overwrite:
        raise SinkError(f"{store.shown(film.target)} exists already", "delete it, or allow to overwrite it")
    pieces = []
    for shard, receipt in zip(film.shards, receipts, strict=True):
        path = store.local(work.shard_file(film, shard))
        if sha256_of(path) != receipt.sha256:
            raise ShardError(f"shard {shard.number} is damaged: {path}", _again(work, shard, delete=True))
        pieces.append((shard, Piece(path)))
    with ExitStack() as opened:
        source = opened.enter_context(VideoSource(source_path))
        sink = JoinedVideoSink(target, StreamInfo.of(source), encoding=work.manifest.encoding, overwrite=overwrite)
        opened.callback(sink.close)
        sink.recipe = recipe_of(work, film, receipts[0])
        sink.join(_checked(work, pieces), on_frame)
        sink.end()
    if store.folder is None:
        store.publish(target, film.target)
        target.unlink()
    return target


def recipe_of(work: Workspace, film: Film, receipt: Receipt) -> Recipe:
    """Return the recipe that a single run would have."""
    encoding = work.manifest.encoding
    options: dict[str, str | int] = {} if encoding.codec == "auto" else {"codec": encoding.codec}
    if encoding.quality is not None:
        options["quality"] = encoding.quality
    return Recipe(
        settings=work.manifest.settings,
        source=film.source.rpartition("/")[2],
        fingerprint=film.fingerprint,
        ingredients=work.manifest.ingredients,
        used=receipt.used,
        options=options,
    )


def _checked(work: Workspace, pieces: list[tuple[Shard, Piece]]) -> Iterator[Piece]:
    """Yield the videos of the shards. Raises ShardError for one that is not what the manifest says."""
    for shard, piece in pieces:
        if len(piece) != shard.frames:
            text = f"shard {shard.number} has {len(piece)} frames, and {shard.frames} were planned"
            raise ShardError(text, _again(work, shard, delete=True))
        if abs(piece.begin - shard.time) > piece.tick:
            text = f"shard {shard.number} begins at {float(piece.begin):.3f} s, and {float(shard.time):.3f} was planned"
            raise ShardError(text, _again(work, shard, delete=True))
        if piece.header != pieces[0][1].header:
            text = f"shard {shard.number} was encoded differently than shard {pieces[0][0].number}"
            raise ShardError(text, _again(work, shard, delete=True))
        yield piece


def _receipt(work: Workspace, film: Film, shard: Shard) -> Receipt:
    store, file, name = work.store, work.shard_file(film, shard), work.receipt_file(shard)
    size, content = store.size(file), store.read(name)
    if size is None or content is None:
        raise ShardError(f"shard {shard.number} is missing: {store.shown(file)}", _again(work, shard))
    receipt = parse_receipt(content, store.shown(name))
    if (receipt.manifest, receipt.number) != (work.manifest.id, shard.number):
        text = f"shard {shard.number} belongs to another manifest or is another shard: {store.shown(file)}"
        raise ShardError(text, _again(work, shard, delete=True))
    if size != receipt.bytes:
        text = f"shard {shard.number} is truncated: {size} of {receipt.bytes} bytes: {store.shown(file)}"
        raise ShardError(text, _again(work, shard, delete=True))
    return receipt


def _again(work: Workspace, shard: Shard, *, delete: bool = False) -> str:
    command = (
        f"livedream run --manifest {work.store.shown(work.name)} --shard {shard.number}/{len(work.manifest.shards)}"
    )
    first = f"delete {work.store.shown(work.receipt_file(shard))}, then " if delete else ""
    return f"{first}{command}"
