"""Completions for the values of options and arguments. Works without torch, because a key press waits for it."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from livedream.configuration import AUTO, persistent_settings
from livedream.errors import ArgumentError
from livedream.models import (
    DEFAULT,
    SQUEEZENET,
    aliases,
    channel_names,
    class_group_names,
    class_names,
    find_network,
    network_table,
)
from livedream.presets import preset_description, preset_names
from livedream.settings import CONTROLS
from livedream.sink.open import ADDRESSES, DEVICES
from livedream.sink.video.codecs import CODECS, ENCODERS, HARDWARE

Items = list[CompletionItem[str]]
Completer = Callable[[click.Context, str], Items]

_MAX_LENGTH = 60
"""The maximum length of a description: a shell shows one line for each value."""
_TOKEN = re.compile(r"""(?:.*[\s+*|("'])?""", re.DOTALL)
"""The text before the last name in a sum of layers."""
_LIVE_MASKS = {
    "person": "the people in the picture",
    "background": "everything but the people",
    "motion": "what moves",
    "still": "what does not move",
}
"""The masks that follow the picture, and where they show the dream."""


class Completed(click.ParamType[str]):
    """Text whose values a shell can complete."""

    name = "text"

    def __init__(self, completer: Completer) -> None:
        self._completer = completer

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        return self._completer(ctx, incomplete)


def complete_values(command: click.Command) -> None:
    """Add completion to those parameters of `command` that are plain text and listed here."""
    completers = {**_completers, **_completers_of.get(command.name or "", {})}
    for parameter in command.params:
        completer = completers.get(parameter.name or "")
        if completer is not None and parameter.type is click.STRING and not getattr(parameter, "is_flag", False):
            parameter.type = Completed(completer)


def presets(context: click.Context, incomplete: str) -> Items:
    """Complete bundled presets and preset files in this folder; if none matches, any file."""
    named = [_item(name, preset_description(name)) for name in preset_names() if name.startswith(incomplete)]
    own = [] if "/" in incomplete else sorted(path.name for path in Path().glob("*.toml"))
    found = [*named, *(_item(name, "a preset file") for name in own if name.startswith(incomplete))]
    return found or _file(incomplete)


def commands(context: click.Context, incomplete: str) -> Items:
    root = context.find_root()
    group = root.command
    names = group.list_commands(root) if isinstance(group, click.Group) else []
    return [_item(name, "") for name in names if name.startswith(incomplete)]


def models(context: click.Context, incomplete: str) -> Items:
    return [_item(network.name, network.note) for network in network_table() if network.name.startswith(incomplete)]


def layers(context: click.Context, incomplete: str) -> Items:
    """Complete the last name of a sum such as `fire6 + 0.5*fi`: layers and named channels, classes, files."""
    before = _TOKEN.match(incomplete)
    head = before[0] if before else ""
    token = incomplete[len(head) :]
    prefix, colon, rest = token.partition(":")
    if colon and prefix in ("guide", "mask"):
        live = _LIVE_MASKS if prefix == "mask" else {}
        found = [_item(f"{head}mask:{name}", text) for name, text in live.items() if name.startswith(rest)]
        return [*found, *(_item(f"{head}{prefix}:{name}", "") for name in _paths(rest))]
    if colon and prefix == "class":
        classes = (*class_group_names(), *class_names(DEFAULT))
        names = {f"class:{name.replace(' ', '-').lower()}": "" for name in classes}
    else:
        names = _layer_names(context)
    return [_item(head + name, text) for name, text in names.items() if name.startswith(token)]


def codecs(context: click.Context, incomplete: str) -> Items:
    hardware = {encoder.name: "hardware encoder" for encoder in ENCODERS if encoder.hardware}
    names = {**dict.fromkeys(CODECS, ""), **hardware}
    return [_item(name, text) for name, text in names.items() if name.startswith(incomplete)]


def sources(context: click.Context, incomplete: str) -> Items:
    return _files_or(("demo", "screen"), incomplete)


def sinks(context: click.Context, incomplete: str) -> Items:
    return _files_or((*DEVICES, *(f"{scheme}://" for scheme in ADDRESSES)), incomplete)


def files(context: click.Context, incomplete: str) -> Items:
    return _file(incomplete)


def _one_of(choices: Iterable[str]) -> Completer:
    def complete(context: click.Context, incomplete: str) -> Items:
        return [_item(choice, "") for choice in choices if choice.startswith(incomplete)]

    return complete


_completers: dict[str, Completer] = {
    **{control.name: _one_of(control.choices) for control in CONTROLS if control.choices},
    "preset": presets,
    "model": models,
    "weights": files,
    "layers": layers,
    "codec": codecs,
    "hardware": _one_of(HARDWARE),
    "sources": sources,
    "inputs": sources,
    "source": sources,
    "sinks": sinks,
    "sink": sinks,
    "target": files,
    "photo": files,
    "source_file": files,
    "to_file": files,
}
"""By the name of the parameter."""
_completers_of: dict[str, dict[str, Completer]] = {"models": {"name": models}, "help": {"name": commands}}
"""For single commands, by the name of the parameter."""


def _layer_names(context: click.Context) -> dict[str, str]:
    """Return the names of layers and channels of the network of this command line, each with its look."""
    networks = _networks(context)
    return {
        **{layer: look for name in networks for layer, look in find_network(name).layers},
        **{alias: f"another name of {layer}" for name in networks for alias, layer in aliases(name).items()},
        **{channels: "channels by name" for name in networks for channels in channel_names(name)},
        "class:": "a class by name",
        "guide:": "a picture as a guide",
        "mask:": "a mask: person, background, motion, still or a file",
    }


def _networks(context: click.Context) -> list[str]:
    """Return the network of the command line or of the persistent settings; without one, the bundled networks."""
    model = context.params.get("model")
    if model is None:
        chosen = persistent_settings().get("model")
        model = chosen.value if chosen is not None else AUTO
    try:
        return [DEFAULT, SQUEEZENET] if model == AUTO else [find_network(model).name]
    except ArgumentError:  # incomplete or mistyped
        return []


def _files_or(words: Iterable[str], incomplete: str) -> Items:
    """Return files, and the `words` that match once something is typed; before that, most people want a file.

    The file comes first, because bash takes the last completion.
    """
    return [*_file(incomplete), *(_item(word, "") for word in words if incomplete and word.startswith(incomplete))]


def _file(incomplete: str) -> Items:
    """Return the item that makes the shell complete file names itself."""
    return [CompletionItem(incomplete, type="file")]


def _paths(incomplete: str) -> list[str]:
    """Return the paths that begin with `incomplete`, for a path inside a word; folders end with a slash."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(Path(folder + slash).iterdir())
    except OSError:
        return []
    found = [entry for entry in entries if entry.name.startswith(start)]
    return [f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}" for entry in found]


def _item(value: str, help_text: str) -> CompletionItem[str]:
    text = help_text if len(help_text) <= _MAX_LENGTH else f"{help_text[: _MAX_LENGTH - 3].rstrip()}..."
    return CompletionItem(value, help=text or None)
