"""The option that leaves the recipe out of what is written."""

import click


def no_recipe_option() -> click.Option:
    """Return `--no-recipe`, for a command that writes pictures or films."""
    return click.Option(
        ["--no-recipe"],
        is_flag=True,
        help="Do not write the settings into the output",
    )
