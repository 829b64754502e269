"""`livedream join`: put shards together."""

import click

from livedream.cli.help import GroupedCommand
from livedream.cli.parsing import overwrite_option
from livedream.cli.progress_option import progress_option

EXAMPLES = (("all films of a plan whose shards are dreamt", "livedream join dreams/manifest.toml"),)


@click.command(cls=GroupedCommand, examples=EXAMPLES, short_help="Join the shards of a plan into films.")
@click.argument("manifest", metavar="MANIFEST")
@overwrite_option()
def join(manifest: str, overwrite: bool) -> int:
    """Join the shards of each film of MANIFEST, with the sound, subtitles and chapters of the film.

    All shards must be there and fit; otherwise the first that is missing or wrong is named, and the film is left out.
    """
    from livedream.cli.tasks.loading import load_torch

    load_torch()
    from livedream.cli.tasks.shards import join as join_all

    return join_all(manifest, overwrite=overwrite)


join.params += [progress_option()]
