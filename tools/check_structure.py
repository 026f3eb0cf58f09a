"""Measures the package, and checks its limits: number of rooms, no cycles, lengths, no repeated names.

Usage: python tools/check_structure.py [FOLDER], where FOLDER is the package, by default openheart/.

Every import counts, also imports only for types and inside functions. Importing a submodule does not count
as importing its packages; but importing from the root of the package counts as importing the root.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

MOST_FOLDERS = 12
MOST_FILES = 20
MOST_NAMES = 30
LONGEST_FILE = 400
LONGEST_FUNCTION = 70

# Room -> the files that each folder in it may have. Their common parts are in the room itself, under the
# same name.
SHAPES = {
    "batteries": ("battery.py", "row.py"),
    "storage": ("backend.py", "errors.py", "moves.py", "row.py", "uri.py"),
}

LAYOUT = {tokenize.DEDENT, tokenize.ENDMARKER, tokenize.INDENT, tokenize.NEWLINE, tokenize.NL}

Graph = dict[str, dict[str, str]]
"""Module or room -> each one that it imports -> a sentence that says so."""


@dataclass(frozen=True)
class Module:
    """A file of the package: its path in the package, its full name, and its content."""

    path: Path
    name: str
    text: str
    tree: ast.Module


@dataclass(frozen=True)
class Measure:
    """What was measured, the limit, and a sentence for each fault."""

    what: str
    value: int
    most: int | None = None
    faults: Sequence[str] = ()


def main(package: Path) -> int:
    found = list(measures(package))
    for each in found:
        limit = "" if each.most is None else f"   at most {each.most}"
        print(f"{each.what:<20}{each.value:>7}{limit}", flush=True)
    faults = [f"{each.what}: {fault}" for each in found for fault in each.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


def measures(package: Path) -> Iterator[Measure]:
    modules = list(modules_of(package))
    imports = imports_between(modules)
    classes = [(path, node.name) for path, node in nodes(modules) if isinstance(node, ast.ClassDef)]

    # Python leaves __pycache__ in a removed folder.
    folders = sorted({each.parent.name for each in package.glob("*/*.*")} - {"__pycache__"})
    yield number("top-level folders", folders, MOST_FOLDERS, "join two of them")
    yield number(
        "top-level files", [each.name for each in package.glob("*.py")], MOST_FILES, "give one a room"
    )
    yield number(
        "names in __all__",
        public_names(package / "__init__.py"),
        MOST_NAMES,
        "leave some to their own module",
    )
    yield none("cycles of files", cycles(imports), "pass the lower one what it needs as an argument")
    yield none("cycles of rooms", cycles(imports_between_rooms(imports)), "move what both need below them")
    yield none(
        "facades with more", facades_with_more(modules, imports), "a facade only re-exports its battery"
    )
    yield longest("longest file", lengths_of_files(modules), LONGEST_FILE)
    yield longest("longest function", lengths_of_functions(modules), LONGEST_FUNCTION)
    yield none("repeated classes", repeated(classes), "name each for what it is")
    yield none("repeated files", repeated(names_of_files(modules)), "name each for its content")
    yield Measure("modules", len(modules))
    yield Measure("classes", len(classes))
    for kind, lines in sum(map(lines_by_kind, modules), Counter[str]()).items():
        yield Measure(f"lines of {kind}", lines)


def number(what: str, names: Sequence[str], most: int, advice: str) -> Measure:
    fault = f"{len(names)}, and the limit is {most}; {advice}: {', '.join(sorted(names))}"
    return Measure(what, len(names), most, [fault] if len(names) > most else [])


def none(what: str, found: Iterable[str], advice: str) -> Measure:
    faults = [f"{each}; {advice}" for each in found]
    return Measure(what, len(faults), 0, faults)


def longest(what: str, lengths: Iterable[tuple[int, str]], most: int) -> Measure:
    value = 0
    faults = []
    for length, where in lengths:
        value = max(value, length)
        if length > most:
            faults.append(f"{where} has {length} lines, and the limit is {most}; split it")
    return Measure(what, value, most, faults)


def modules_of(package: Path) -> Iterator[Module]:
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package)
        parts = [package.name, *path.with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = file.read_text(encoding="utf-8")
        yield Module(path, name, text, ast.parse(text, str(file)))


def nodes(modules: Iterable[Module]) -> Iterator[tuple[Path, ast.AST]]:
    return ((module.path, node) for module in modules for node in ast.walk(module.tree))


def public_names(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                names += ast.literal_eval(node.value)
    return names


def imports_between(modules: Sequence[Module]) -> Graph:
    names = {module.name for module in modules}
    return {
        module.name: {
            name: f"{module.path} imports {name}" for name in sorted(imported(module, names) - {module.name})
        }
        for module in modules
    }


def imported(module: Module, names: set[str]) -> set[str]:
    """Those of ``names`` that a module imports."""
    parts = module.name.split(".")
    package = parts if module.path.name == "__init__.py" else parts[:-1]
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            inside = {f"{source}.{alias.name}" for alias in node.names}
            found |= inside
            if source == parts[0] or not inside <= names:
                found.add(source)
    return found & names


def imports_between_rooms(imports: Graph) -> Graph:
    graph: Graph = defaultdict(dict)
    for name, others in imports.items():
        for other, sentence in others.items():
            if room_of(name) != room_of(other):
                graph[room_of(name)].setdefault(room_of(other), sentence)
    return graph


def room_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def cycles(imports: Graph) -> Iterator[str]:
    """One cycle after another, as its imports, until none is left."""
    left = {name: list(others) for name, others in imports.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
            return
        except CycleError as error:
            pairs = list(pairwise(reversed(error.args[1])))
        yield ", and ".join(imports[name][other] for name, other in pairs)
        name, other = pairs[-1]
        left[name].remove(other)


def facades(paths: Iterable[Path]) -> set[str]:
    """The files at the top that only contain the names of a room: those named as a battery, and config.py."""
    paths = list(paths)
    batteries = {path.parts[1] for path in paths if path.parts[0] == "batteries" and len(path.parts) > 2}
    return {path.stem for path in paths if len(path.parts) == 1 and path.stem in {"config", *batteries}}


def facades_with_more(modules: Sequence[Module], imports: Graph) -> Iterator[str]:
    """A facade's imports from elsewhere, and the modules that import one: only the root may, for types."""
    root = modules[0].name.partition(".")[0]
    for facade in sorted(facades(module.path for module in modules)):
        name = f"{root}.{facade}"
        own = f"{root}.settings." if facade == "config" else f"{root}.batteries.{facade}."
        yield from (said for other, said in imports[name].items() if not other.startswith(own))
        users = {user: others[name] for user, others in imports.items() if name in others and user != root}
        yield from users.values()


def lengths_of_files(modules: Iterable[Module]) -> Iterator[tuple[int, str]]:
    return ((module.text.count("\n"), str(module.path)) for module in modules)


def lengths_of_functions(modules: Iterable[Module]) -> Iterator[tuple[int, str]]:
    for path, node in nodes(modules):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
            yield node.end_lineno - node.lineno + 1, f"{node.name}() in {path}"


def names_of_files(modules: Iterable[Module]) -> Iterator[tuple[Path, str]]:
    """The names that a file must not share with another one."""
    paths = [module.path for module in modules if not module.path.name.startswith("__")]
    named_alike = facades(paths)
    for path in paths:
        is_facade = len(path.parts) == 1 and path.stem in named_alike
        if not is_facade and path.name not in SHAPES.get(path.parts[0], ()):
            yield path, path.name


def repeated(places: Iterable[tuple[Path, str]]) -> Iterator[str]:
    found = defaultdict(list)
    for path, name in places:
        found[name].append(str(path))
    return (f"{name} in {' and '.join(paths)}" for name, paths in found.items() if len(paths) > 1)


def lines_by_kind(module: Module) -> Counter[str]:
    code, comments, texts = set[int](), set[int](), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                texts.update(range(first, last + 1))
    return Counter(code=len(code - texts), docstrings=len(texts), comments=len(comments - code - texts))


if __name__ == "__main__":
    default = Path(__file__).parents[1] / "openheart"
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
