from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

import openheart
from openheart import cli, errors, storage, testing
from openheart.settings import casts
from openheart.settings import table as options
from openheart.settings.former import FORMER

from .facades import FACADES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCES = sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)
PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SOURCES]
# Documented by automodule with :members:, which is __all__.
WHOLE_MODULES = ("openheart.errors", "openheart.testing")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def documented() -> set[str]:
    api = text(DOCS / "reference" / "api.rst")
    return set(re.findall(r"^\.\. (?:auto)?(?:function|class|data|module):: (\S+)$", api, re.MULTILINE))


def public_names() -> Iterator[str]:
    yield "openheart.wsgi.app"
    for module in (openheart, storage, *(importlib.import_module(f"openheart.{name}") for name in FACADES)):
        for name in module.__all__:
            if name not in {"__version__", "errors", "BackendError"}:
                yield f"{module.__name__}.{name}"


def commands(group: click.Group = cli.openheart_group, name: str = "") -> Iterator[str]:
    for word, command in group.commands.items():
        yield f"{name}{word}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{name}{word} ")


def lines_of(paths: Iterable[Path], pattern: str) -> Iterator[tuple[str, str]]:
    for path in paths:
        for found in re.finditer(pattern, text(path), re.MULTILINE):
            yield str(path.relative_to(ROOT)), found[1]


@pytest.mark.parametrize("name", list(public_names()))
def test_every_public_name_is_on_the_api_page(name: str) -> None:
    assert name in documented()


def test_the_porting_pages_have_every_alias_with_what_it_is() -> None:
    rows = [
        row
        for page in ("porting-quorum", "porting-flask-openheart")
        for row in re.findall(
            r"^   \* - ``(openheart[.\w]*\.\w+)``\n     - :\w+:`([\w.]+)`$",
            text(DOCS / "howto" / f"{page}.rst"),
            re.MULTILINE,
        )
    ]

    of_storage = {"openheart.storage.InvalidReactionError", "openheart.storage.sanitize_reaction"}
    assert {alias for alias, _ in rows} == {f"openheart.{name}" for name in openheart._ALIASES} | of_storage
    for alias, name in rows:
        assert found(alias) is found(name)
        assert name in documented() or name.startswith("openheart.errors.")


def found(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("name", WHOLE_MODULES)
def test_a_module_that_is_documented_as_a_whole_has_members(name: str) -> None:
    assert re.search(
        rf"^\.\. automodule:: {name}\n   :members:$", text(DOCS / "reference" / "api.rst"), re.MULTILINE
    )


@pytest.mark.parametrize("name", [*errors.__all__, *testing.__all__])
def test_what_is_documented_with_its_module_has_a_docstring(name: str) -> None:
    assert (getattr(errors, name, None) or getattr(testing, name)).__doc__


def test_every_group_of_settings_is_on_the_settings_page() -> None:
    page = text(DOCS / "reference" / "settings.rst")

    assert re.findall(r"^\.\. openheart-settings:: (\w+)$", page, re.MULTILINE) == list(
        dict.fromkeys(option.group for option in options.known_options())
    )


def test_every_setting_says_what_it_does_and_what_it_takes() -> None:
    for option in options.known_options():
        assert option.doc.endswith(".")
        assert option.cast.description


def test_the_commands_page_is_made_from_the_commands() -> None:
    page = text(DOCS / "reference" / "commands.rst")

    assert ".. click:: openheart.cli:openheart_group\n   :prog: openheart\n   :nested: full\n" in page


@pytest.mark.parametrize("name", list(commands()))
def test_every_command_and_its_parameters_are_explained(name: str) -> None:
    command: click.Command = cli.openheart_group
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]

    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


def test_the_docs_name_no_setting_that_is_not_there() -> None:
    known = {option.name for option in options.known_options()} | FORMER.keys()
    named = {
        *lines_of(PROSE, r"\b(OPENHEART_[A-Z_]*[A-Z])\b"),
        *lines_of(PROSE, r"\b(LEVEL|PORT|HOST|INSTANCE)="),
    }

    unknown = [(place, name) for place, name in sorted(named) if name not in known]
    assert [(place, name) for place, name in unknown if not name.startswith("OPENHEART_TEST_")] == []


def test_the_docs_name_no_command_that_is_not_there() -> None:
    known = set(commands())
    shown = {*lines_of(PROSE, r"(?:\$ (?:[A-Z_]+=\S+ )*|``|`)openheart ([a-z]+)\b")}

    assert shown
    assert [(place, name) for place, name in sorted(shown) if name not in known] == []


def test_the_docs_show_only_settings_with_values_that_can_be_used() -> None:
    casts_by_name = {option.name: option.cast for option in options.known_options()}
    shown = [
        (place, *pair.split("=", 1))
        for place, pair in lines_of(PROSE, r"\$ (?:[A-Z_]+=\S+ )*?((?:OPENHEART|SERVER)_?[A-Z_]*=\S+)")
    ]

    assert shown
    for _, name, value in shown:
        if isinstance(cast := casts_by_name.get(name), casts.Cast):
            cast(value)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_the_docs_can_be_read(path: Path) -> None:
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text(path), re.MULTILINE)
    blocks += re.findall(r"^```python\n(.*?)^```$", text(path), re.MULTILINE | re.DOTALL)
    for block in blocks:
        compile(re.sub(r"^   ", "", block, flags=re.MULTILINE), str(path), "exec")


def test_the_links_of_the_readme_lead_to_files_that_are_there() -> None:
    for path in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text(ROOT / path)):
            assert (ROOT / link).exists(), f"{path} links {link}"


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = text(DOCS / "index.rst")

    for path in SOURCES:
        page = str(path.relative_to(DOCS).with_suffix(""))
        assert page == "index" or f"\n   {page}\n" in contents
