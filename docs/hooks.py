"""What MkDocs runs while it builds the site: see mkdocs.yml.

- Pages and files outside docs/ (README.md, CONTRIBUTING.md, examples/ and so on) become part of the site, and links
  between all of them, which are right in the repository, are rewritten for the site. A link that leads nowhere is left
  as it is, and MkDocs reports it.
- `<!-- commands -->` becomes the reference of the command line, written from click's own description of it.
"""

import html
import inspect
import posixpath
import re
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "examples/README.md": "how-to/examples.md",
    "benchmarks/RESULTS.md": "project/measurements.md",
}
"""Pages outside docs/, by their path in the repository, and where they are in the site."""
ATTACHED = ("Dockerfile", "LICENSE", "livedream/assets/NOTICE", "examples/*.py", "examples/*.ipynb")
"""Patterns of other files that pages may link to; they are copied."""
LINK = re.compile(r"(\]\()([^)#:\s]*)((?:#[^)\s]*)?\))")
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def _attached() -> dict[str, str]:
    paths = (path for pattern in ATTACHED for path in sorted(ROOT.glob(pattern)))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    # With a suffix, so that a browser shows the file instead of saving it.
    return {name: f"files/{name}" if "." in posixpath.basename(name) else f"files/{name}.txt" for name in names}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages and files outside docs/."""
    for name, target in (PAGES | _attached()).items():
        files.append(File.generated(config, target, content=(ROOT / name).read_bytes()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with its links rewritten and its generated parts."""
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", commands_page())
    to_site = PAGES | _attached()
    to_repository = {target: name for name, target in to_site.items()}
    here = to_repository.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def rewrite(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        if not link:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
        target = to_site.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if target is None:
            return match[0]
        return f"{before}{posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or '.')}{after}"

    parts = CODE.split(markdown)
    parts[::2] = [LINK.sub(rewrite, part) for part in parts[::2]]
    return "".join(parts)


# The command line -----------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Return what livedream's commands take, as Markdown: a section for each command, a table for each group."""
    from livedream.cli.main import livedream as group

    root = click.Context(group, info_name="livedream")
    return "\n\n".join(_section(group.commands[name], root) for name in group.list_commands(root))


def _section(command: click.Command, root: click.Context) -> str:
    context = click.Context(command, parent=root, info_name=command.name)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [
        f"## livedream {command.name}",
        "",
        f"```text\n{usage}\n```",
        "",
        *_paragraphs(inspect.cleandoc(command.help or "")),
    ]
    by_group = getattr(command, "options_by_group", None)
    groups: dict[str, list[Any]] = (
        by_group(context)
        if by_group
        else {"": [option for option in command.get_params(context) if isinstance(option, click.Option)]}
    )
    for heading, options in groups.items():
        records = [record for option in options if (record := option.get_help_record(context)) is not None]
        lines += [f"**{heading}**", ""] if heading else []
        lines += ["| option | meaning |", "|---|---|", *(_row(*record) for record in records), ""]
    examples = getattr(command, "examples", ())
    if examples:
        lines += ["**Examples**", "", "```sh", *(f"{line}  # {text}" for text, line in examples), "```", ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    """Return click's help text as Markdown; a paragraph after \\b keeps its lines."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith("\b"):
            lines += ["```text", *paragraph.splitlines()[1:], "```", ""]
        else:
            lines += [_escaped(" ".join(paragraph.split())), ""]
    return lines


def _row(names: str, meaning: str) -> str:
    return f"| {' '.join(f'`{name}`' for name in re.split(', ', names))} | {_escaped(meaning)} |"


def _escaped(text: str) -> str:
    """Return text as Markdown that shows it as it is."""
    return re.sub(r"([|*_`])", r"\\\1", html.escape(text, quote=False))
