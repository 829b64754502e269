"""The option `--no-recipe`."""

import click


def no_recipe_option() -> click.Option:
    """Return `--no-recipe`, which leaves the recipe out of pictures and videos."""
    return click.Option(
        ["--no-recipe"],
        is_flag=True,
        help="Do not write the settings into the output",
    )
