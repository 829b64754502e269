"""The shape of the code: sizes, circles of imports, private names, and tests that lie where their modules lie."""

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import livedream

ROOT = Path(livedream.__file__).parent
TESTS = Path(__file__).parent
LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 60
BOXES_OF_DREAM = 14
LONG = "# Long: "
"""Begins the comment above a function that is longer, which gives the reason."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT.parent).as_posix()


@functools.cache
def modules() -> dict[str, Path]:
    """Return the file of each module of the package, by its dotted name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def comment_above(lines: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the comment directly above a function and its decorators, in one line."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)]) - 1
    start = first
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return " ".join(line.strip() for line in lines[start:first])


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    assert {file: lines for file, lines in lengths.items() if lines > LINES_OF_A_MODULE} == {}


def test_a_long_function_has_a_reason_beside_it() -> None:
    without, needless = {}, []
    for path in modules().values():
        lines = path.read_text(encoding="utf-8").splitlines()
        for function in functions(path):
            assert function.end_lineno
            length = function.end_lineno - function.lineno + 1
            reason = comment_above(lines, function).startswith(LONG)
            if length > LINES_OF_A_FUNCTION and not reason:
                without[f"{relative(path)}:{function.lineno} {function.name}"] = length
            if length <= LINES_OF_A_FUNCTION and reason:
                needless.append(f"{relative(path)}:{function.lineno} {function.name}")
    assert without == {}
    assert needless == []


def at_import(statements: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is imported: not those in functions or for type checkers only."""
    for statement in statements:
        match statement:
            case ast.Import() | ast.ImportFrom():
                yield statement
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from at_import(statement.orelse)
            case _:
                for field in ("body", "orelse", "handlers", "finalbody"):
                    yield from at_import(getattr(statement, field, ()))


def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yield the modules of the package that an import loads by name."""
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names if name.name in modules())
        return
    assert node.level == 0, "imports are absolute here"
    for name in node.names:
        whole = f"{node.module}.{name.name}"
        if whole in modules():
            yield whole
        elif node.module in modules():
            yield node.module


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components of more than one node (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], order[other])
        if lowest[node] == order[node]:
            component = set()
            while node not in component:
                component.add(stack.pop())
            if len(component) > 1:
                found.append(component)

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [{"a", "b", "c"}]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_import_leads_back_to_where_it_began() -> None:
    graph = {
        name: {target for node in at_import(tree(path).body) for target in targets(node)} - {name}
        for name, path in modules().items()
    }
    assert circles(graph) == []


def everywhere(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield all imports of a file, also those in functions and for type checkers."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom))


def test_no_import_of_a_function_leads_back_either() -> None:
    graph = {
        name: {target for node in everywhere(path) for target in targets(node)} - {name}
        for name, path in modules().items()
    }
    assert circles(graph) == []


@pytest.mark.parametrize("folder", sorted({name for name, path in modules().items() if path.stem == "__init__"}))
def test_folders_beside_each_other_import_one_way(folder: str) -> None:
    """A folder counts as one, with all that lies in it: arrows between folders and files run one way only."""

    def box(module: str) -> str | None:
        inner = module.removeprefix(f"{folder}.")
        return inner.partition(".")[0] if inner != module else None

    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        if begin := box(name):
            ends = {box(target) for node in everywhere(path) for target in targets(node)}
            graph.setdefault(begin, set()).update(end for end in ends if end and end != begin)
    assert circles({begin: ends & set(graph) for begin, ends in graph.items()}) == []


def room(module: str) -> str:
    """Return the top-level folder of a module, or the module itself where it lies directly in livedream/."""
    return ".".join(module.split(".")[:2])


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_private_names_stay_in_their_folder() -> None:
    strangers = []
    for name, path in modules().items():
        imported: dict[str, str] = {}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for target in targets(node):
                    private = any(is_private(part) for part in target.split("."))
                    if private and room(target) != room(name) and target != "livedream._version":
                        strangers.append(f"{relative(path)}:{node.lineno} {target}")
            if isinstance(node, ast.ImportFrom) and node.module in modules():
                for alias in node.names:
                    if is_private(alias.name) and f"{node.module}.{alias.name}" not in modules():
                        if room(node.module) != room(name):
                            strangers.append(f"{relative(path)}:{node.lineno} {node.module}.{alias.name}")
                    elif f"{node.module}.{alias.name}" in modules():
                        imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and is_private(node.attr):
                target = imported.get(node.value.id, "")
                if target and room(target) != room(name):
                    strangers.append(f"{relative(path)}:{node.lineno} {target}.{node.attr}")
    assert strangers == []


def test_dream_has_few_boxes_behind_its_door() -> None:
    boxes = [
        path.name
        for path in (ROOT / "dream").iterdir()
        if (path.is_dir() or path.suffix == ".py") and path.name not in ("__init__.py", "__pycache__")
    ]
    assert len(boxes) <= BOXES_OF_DREAM, sorted(boxes)


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_test_lies_where_its_module_lies(path: Path) -> None:
    folder = path.parent.relative_to(TESTS)
    assert (ROOT / folder).is_dir(), f"the package has no folder {folder}"
    places = set()
    for name, module in modules().items():
        if name.rpartition(".")[2] == path.stem.removeprefix("test_"):
            places.add(module.parent.relative_to(ROOT))
            if module.stem == "__init__":
                places.add(module.parent.parent.relative_to(ROOT))
    assert not places or folder in places, f"its module lies in {', '.join(map(str, places))}"
