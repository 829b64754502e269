"""Puts the shards of a film together, with its sound, by the writer of a single run."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from livedream._version import __version__
from livedream.capture.video import VideoSource
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.farm.manifest import Film, Manifest, Shard
from livedream.farm.receipt import Receipt, parse_receipt
from livedream.farm.shard import sha256_of
from livedream.farm.workspace import Workspace
from livedream.hints import either, option
from livedream.recipe import Recipe, fingerprint
from livedream.sink.inputs import Inputs
from livedream.sink.video.joined import JoinedVideoSink, Piece
from livedream.stream_info import StreamInfo


class ShardError(SourceError):
    """A shard is missing, or is not what the manifest says."""


def check_version(manifest: Manifest) -> None:
    """Raise ArgumentError for a manifest of another version of livedream that does not allow others."""
    planned = manifest.machine.versions.get("livedream", "")
    if planned != __version__ and not manifest.mixed:
        text = f"the manifest was planned with livedream {planned}, here is {__version__}"
        raise ArgumentError(text, f"install livedream {planned}")


def is_joined(work: Workspace, film: Film) -> bool:
    """Return whether the result of a film is there, joined by this manifest and not changed in size since."""
    size = work.store.size(film.target)
    return size is not None and work.store.read(_marker(work, film)) == _marked(size)


def _marker(work: Workspace, film: Film) -> str:
    """Return the name of the file that says that a film is joined."""
    return f"{work.draft_file(film)}.joined"


def _marked(size: int) -> bytes:
    return f"bytes = {size}\n".encode()


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
) -> None:
    """Write a film from its shards.

    Args:
        work: has the shards.
        film: of the manifest.
        overwrite: whether an existing film may be replaced.
        on_frame: called with the number of frames written, 0 while shards are checked. An exception ends the join.

    Raises:
        ShardError: a shard is missing or is not what the manifest says.
        SourceError: the film itself has changed since it was planned.
        SinkError: the film cannot be written, or exists already.
    """
    receipts, store = check_shards(work, film), work.store
    source_path = work.film(film)
    if fingerprint([source_path]) != film.fingerprint:
        raise SourceError(f"{source_path} has changed since it was planned", "plan again")
    if not overwrite and store.size(film.target) is not None:
        raise _exists(work, film)
    # Beside the shards: what an interrupted join leaves there is ours, and never taken for the film.
    draft = store.workplace / work.draft_file(film)
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(work, film, source_path, receipts, draft, on_frame)
        # Before the film has its name: a join that is killed between the two is complete.
        store.write(_marker(work, film), _marked(draft.stat().st_size))
        store.move_in(draft, film.target, overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(work, film) from error
    finally:
        draft.unlink(missing_ok=True)


def _exists(work: Workspace, film: Film) -> SinkError:
    hint = f"delete it, or use {option('overwrite', True)}"
    return SinkError(f"{work.store.shown(film.target)} exists already", hint)


def _write(
    work: Workspace,
    film: Film,
    source_path: Path,
    receipts: Sequence[Receipt],
    draft: Path,
    on_frame: Callable[[int], object],
) -> None:
    with ExitStack() as opened:
        pieces = []
        for shard, receipt in zip(film.shards, receipts, strict=True):
            on_frame(0)  # a long film takes minutes to be checked; the caller may end that
            pieces.append(_piece(work, film, shard, receipt, opened))
        _check_pieces(work, film, pieces)
        source = opened.enter_context(VideoSource(source_path))
        info = StreamInfo.of(source)
        if work.store.folder is not None:
            Inputs.of(info).refuse_output(work.store.folder / film.target)
        sink = JoinedVideoSink(draft, info, encoding=work.manifest.encoding, overwrite=True)
        opened.callback(sink.close)
        sink.recipe = _recipe(work, film, receipts[0].used)
        sink.join(pieces, on_frame)
        sink.end()


def _piece(work: Workspace, film: Film, shard: Shard, receipt: Receipt, opened: ExitStack) -> Piece:
    """Return the video of a shard, on this machine until `opened` is closed. Raises ShardError if it is damaged."""
    path = work.store.local(work.shard_file(film, shard))
    opened.callback(work.store.drop, path)
    if sha256_of(path) != receipt.sha256:
        shown = work.store.shown(work.shard_file(film, shard))
        raise ShardError(f"shard {shard.number} is damaged: {shown}", _again(work, shard, delete=True))
    return Piece(path)


def _recipe(work: Workspace, film: Film, used: str) -> Recipe:
    """Return the recipe that a single run would have. used: as the receipts of the shards say."""
    encoding = work.manifest.encoding
    options: dict[str, str | int] = {} if encoding.codec == "auto" else {"codec": encoding.codec}
    if encoding.quality is not None:
        options["quality"] = encoding.quality
    return Recipe(
        settings=work.manifest.settings,
        source=film.source.rpartition("/")[2],
        fingerprint=film.fingerprint,
        ingredients=work.manifest.ingredients,
        used=used,
        options=options,
    )


def _check_pieces(work: Workspace, film: Film, pieces: Sequence[Piece]) -> None:
    """Raise ShardError for a video that is not what the manifest says."""
    for shard, piece in zip(film.shards, pieces, strict=True):
        if len(piece) != shard.frames:
            text = f"shard {shard.number} has {len(piece)} frames, and {shard.frames} were planned"
            raise ShardError(text, _again(work, shard, delete=True))
        if abs(piece.begin - shard.time) >= piece.tick:
            text = f"shard {shard.number} begins at {float(piece.begin):.3f} s, and {float(shard.time):.3f} was planned"
            raise ShardError(text, _again(work, shard, delete=True))
        if piece.header != pieces[0].header:
            text = f"shard {shard.number} was encoded differently than shard {film.shards[0].number}"
            raise ShardError(text, _again(work, shard, delete=True))


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
    manifest, total = work.store.shown(work.name), len(work.manifest.shards)
    command = either(
        f"livedream run --manifest {manifest} --shard {shard.number}/{total}", f"dream shard {shard.number} again"
    )
    return f"delete {work.store.shown(work.receipt_file(shard))}, then {command}" if delete else command
