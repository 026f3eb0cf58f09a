from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import openheart
from openheart.batteries.registry import class_of, own_rows

from .facades import FACADES

ROOT = Path(__file__).parents[1]
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")
BOUND = re.compile(r'"([A-Za-z-]+)>=([0-9.]+)"')
PIN = re.compile(r"^([A-Za-z-]+)==([0-9.]+)$", re.MULTILINE)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PUBLISHER = "pypa/gh-action-pypi-publish@release/v1"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

of_the_repository = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="an sdist leaves out what only the repository needs"
)


MODULES = sorted((ROOT / "openheart").rglob("*.py"))


def release(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def test_the_oldest_versions_that_are_tested_are_the_ones_that_are_admitted() -> None:
    admitted = {name: release(version) for name, version in BOUND.findall(SETUP)}
    tested = PIN.findall((ROOT / "requirements" / "min.txt").read_text(encoding="utf-8"))

    assert {name: release(version) for name, version in tested} == admitted


def test_no_dependency_has_an_upper_bound() -> None:
    install = SETUP[SETUP.index("EXTRAS = ") :]

    assert not re.search(r'"[A-Za-z-]+[^"]*(<|==|~=)', install)


def test_every_layer_of_the_package_is_named_in_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(each for each in contract["contracts"] if each["id"] == "layers")["layers"]
    named = {name.strip() for layer in layers for name in re.split("[:|]", layer)}
    there = {
        path.stem
        for path in (ROOT / "openheart").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.stem.startswith("__")
    }

    # What a facade may import is held by tools/check_structure.py.
    assert named == there - {*FACADES, "config"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_what_is_public(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    defined = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}

    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 400
    assert "__all__" in assigned or all(name.startswith("__") for name in defined | assigned)


def test_importing_openheart_loads_no_server_and_no_storage_driver() -> None:
    # An older version of blinker, which Flask imports, brings asyncio.
    code = "import sys, flask; before = {*sys.modules}; import openheart; print(*{*sys.modules} - before)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )

    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(
        {"waitress", "gunicorn", "granian", "sqlite3", "emoji", "regex", "idna", "asyncio", "openheart.cli"}
    )


LIBRARIES = {row.library for row in own_rows() if row.library}


def test_load_without_a_battery_imports_none_of_their_libraries_and_none_of_their_modules() -> None:
    code = (
        "import sys, openheart; app = openheart.load(name='one', uri='memory:');"
        "app.test_client().post('/openheart/hello', data='🥨'); openheart.unload(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )

    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(LIBRARIES | {"mongoengine", "cachelib", "smtplib"})
    ours = {
        name.removeprefix("openheart.batteries.")
        for name in loaded
        if name.startswith("openheart.batteries.")
    }
    assert ours - {"battery", "row", "registry"} == {
        part for row in own_rows() for part in (row.name, f"{row.name}.row")
    }


def test_every_row_of_the_table_of_batteries_has_its_class_and_every_extra_is_there() -> None:
    extras = set(re.findall(r'^    "(\w+)": \[', SETUP, re.MULTILINE))
    for row in own_rows():
        assert class_of(row).row is row
        assert row.extra is None or row.extra in extras


def test_public_names_are_there_and_app_follows_load() -> None:
    for name in openheart.__all__:
        assert hasattr(openheart, name)
    assert openheart.APP is None

    app = openheart.load(uri="memory:")

    assert openheart.APP is app
    openheart.unload()
    assert openheart.APP is None


def content(path: Path) -> Any:
    """What a YAML file says; a key that it has twice is an error, as GitHub has it."""

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{path}: {keys}"
            return super().construct_mapping(node, deep)

    return yaml.load(path.read_text(encoding="utf-8"), Strict)


def workflow_jobs(name: str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = content(ROOT / ".github" / "workflows" / name)["jobs"]
    return jobs


def actions(job: dict[str, Any]) -> list[str]:
    return [step["uses"] for step in job.get("steps", []) if "uses" in step]


@of_the_repository
def test_every_yaml_file_of_the_repository_can_be_read() -> None:
    paths = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "compose.yaml"]

    assert len(paths) >= 9
    for path in paths:
        assert isinstance(content(path), dict)


@of_the_repository
def test_ci_runs_each_python_that_the_package_names_and_the_oldest_with_the_oldest_dependencies() -> None:
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)", SETUP)
    oldest = re.findall(r'python_requires=">=(3\.\d+)"', SETUP)
    matrix = workflow_jobs("ci.yml")["tests"]["strategy"]["matrix"]

    assert matrix["python"] == named
    assert oldest == named[:1]
    assert {"target": "test-min", "python": oldest[0]} in matrix["include"]


@of_the_repository
def test_the_targets_and_the_steps_that_ci_runs_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
    steps = re.findall(r'^step "([^"]+)"', (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    tests, checks = (workflow_jobs("ci.yml")[name]["strategy"]["matrix"] for name in ("tests", "checks"))

    assert {*tests["target"], *(each["target"] for each in tests["include"])} <= set(targets)
    assert {"system parts", *checks["step"]} <= set(steps)


@of_the_repository
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_the_code_pins_its_actions_and_knows_no_secret(path: Path) -> None:
    used = [action for job in workflow_jobs(path.name).values() for action in actions(job)]

    assert content(path)["permissions"] == {"contents": "read"}
    assert "secrets" not in path.read_text(encoding="utf-8")
    for action in used:
        assert action == PUBLISHER or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)


@of_the_repository
def test_what_publishes_comes_after_the_tests_and_may_do_nothing_else() -> None:
    jobs = workflow_jobs("release.yml")

    assert [name for name, job in jobs.items() if PUBLISHER in actions(job)] == ["publish"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"] == "pypi"
    assert (jobs["publish"]["needs"], jobs["build"]["needs"]) == ("build", "ci")


@of_the_repository
def test_a_commit_is_checked_by_the_targets_of_make_lint() -> None:
    [lint] = re.findall(r"^lint: ([a-z ]+?) ##", MAKEFILE, re.MULTILINE)
    [repository] = content(ROOT / ".pre-commit-config.yaml")["repos"]

    assert [hook["entry"] for hook in repository["hooks"]] == [
        f"make --no-print-directory {target}" for target in lint.split()
    ]
