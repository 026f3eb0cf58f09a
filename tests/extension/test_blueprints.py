"""register_blueprints() finds what a package has."""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from openheart import OpenHeart, register_blueprints
from openheart.errors import BlueprintImportError, OpenHeartError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "shop_of_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop_of_test"]:
        del sys.modules[name]


def module(package: Path, name: str, text: str) -> None:
    path = package / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"from flask import Blueprint\n{text}\n", encoding="utf-8")


def test_each_blueprint_is_registered_once_in_the_order_of_the_modules(package: Path) -> None:
    module(package, "b", "second = Blueprint('second', __name__)")
    module(package, "a", "from .b import second\nfirst = Blueprint('first', __name__)")
    module(package, "c/deep", "third = Blueprint('third', __name__)")
    (package / "c" / "__init__.py").touch()
    module(package, "__main__", "raise SystemExit('not this one')")
    app = Flask("shop")

    found = register_blueprints(app, "shop_of_test")

    assert [blueprint.name for blueprint in found] == ["second", "first", "third"]
    assert list(app.blueprints) == ["second", "first", "third"]
    assert register_blueprints(app, "shop_of_test") == []


def test_a_nested_blueprint_comes_with_its_parent_only(package: Path) -> None:
    module(package, "a", "child = Blueprint('child', __name__)")
    module(
        package,
        "b",
        "from .a import child\nparent = Blueprint('parent', __name__)\nparent.register_blueprint(child)",
    )
    app = Flask("shop")

    assert [blueprint.name for blueprint in register_blueprints(app, "shop_of_test")] == ["parent"]
    assert sorted(app.blueprints) == ["parent", "parent.child"]


def test_its_routes_may_be_marked(package: Path) -> None:
    module(
        package,
        "a",
        "bp = Blueprint('bp', __name__)\n@bp.route('/<x>', openheart=True)\ndef view(x):\n    return x",
    )
    app = Flask("shop")
    OpenHeart(app, env=False, uri="memory:")

    register_blueprints(app, "shop_of_test.a")

    assert app.test_client().post("/openheart/x", data="🥨").status_code == 200


def test_one_that_a_module_merely_imports_is_left_to_its_own_module(package: Path) -> None:
    (package.parent / "others_of_test.py").write_text(
        "from flask import Blueprint\nadmin = Blueprint('admin', __name__)\n"
        "def make(): return Blueprint('made', __name__)\n"
    )
    module(
        package,
        "a",
        "from others_of_test import admin, make\nown = Blueprint('own', __name__)\nmade = make()",
    )
    app = Flask("shop")

    assert [blueprint.name for blueprint in register_blueprints(app, "shop_of_test")] == ["own", "made"]
    assert [blueprint.name for blueprint in register_blueprints(app, "others_of_test")] == ["admin"]


@pytest.mark.parametrize(
    ("place", "import_name"),
    [
        ("blueprints", "no_module_of_test"),
        ("shop_of_test/blueprints", "shop_of_test"),
        ("shop_of_test/blueprints", "shop_of_test.app"),
        ("blueprints", "app_of_test"),
    ],
)
def test_without_a_package_it_is_the_apps_own(
    package: Path, place: str, import_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "app.py").touch()
    (package.parent / "app_of_test.py").touch()
    folder = package.parent / place
    folder.mkdir()
    (folder / "posts.py").write_text("from flask import Blueprint\nposts = Blueprint('posts', __name__)\n")
    with contextlib.suppress(ImportError):
        importlib.import_module(import_name)
    app = Flask(import_name, root_path=str(package))
    try:
        assert [blueprint.name for blueprint in register_blueprints(app)] == ["posts"]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "blueprints"]:
            del sys.modules[name]


def test_a_program_has_its_blueprints_beside_it(tmp_path: Path) -> None:
    module(tmp_path / "blueprints", "posts", "posts = Blueprint('posts', __name__)")
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom openheart import register_blueprints\n"
        "app = Flask(__name__)\nprint(*(each.name for each in register_blueprints(app)))\n"
    )
    done = subprocess.run([sys.executable, "app.py"], capture_output=True, text=True, check=True)
    assert done.stdout == "posts\n"


def test_an_app_without_such_a_package_is_told_its_name(package: Path) -> None:
    importlib.import_module("shop_of_test")
    with pytest.raises(BlueprintImportError, match=r"'shop_of_test\.blueprints'"):
        register_blueprints(Flask("shop_of_test"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("import not_there_at_all", ImportError),
        ("this is no Python", SyntaxError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(package: Path, text: str, cause: type[Exception]) -> None:
    module(package, "good", "good = Blueprint('good', __name__)")
    module(package, "broken", text)
    app = Flask("shop")

    with pytest.raises(BlueprintImportError, match=r"'shop_of_test\.broken'") as caught:
        register_blueprints(app, "shop_of_test")

    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, OpenHeartError)
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.name == "shop_of_test.broken"
    assert app.blueprints == {}


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(BlueprintImportError, match="'no_such_package'"):
        register_blueprints(Flask("shop"), "no_such_package")
