"""What stands under ``openheart`` itself: APP, and looking at the module without an app and a request."""

from __future__ import annotations

import doctest
import inspect
import pydoc
import sys
import types
from collections.abc import Callable
from unittest import mock

import pytest
from flask import Flask

import openheart
from openheart.core.state import state_of
from openheart.errors import OpenHeartError

from .child import run_child


class TestAPP:
    def test_an_app_that_was_assigned_is_the_one_that_is_used(self) -> None:
        first = openheart.load(name="first", uri="memory:")
        second = openheart.load(name="second", uri="memory:")

        openheart.APP = first

        assert openheart.get_app() is first
        openheart.react("a", "🥨")
        assert first.test_client().get("/openheart/a").json == {"🥨": 1}
        assert second.test_client().get("/openheart/a").json == {}

    def test_unload_closes_it_and_the_other_goes_on(self) -> None:
        first = openheart.load(name="first")
        second = openheart.load(name="second")
        for app in (first, second):
            app.test_client().post("/openheart/a", data="🥨")
        openheart.APP = first

        openheart.unload()

        assert openheart.APP is None
        assert [state_of(app).service.is_open for app in (first, second)] == [False, True]
        state_of(second).close()

    def test_the_next_load_takes_its_place(self) -> None:
        openheart.APP = openheart.load(name="first", uri="memory:")
        second = openheart.load(name="second", uri="memory:")
        assert openheart.APP is second
        assert openheart.get_app() is second

    def test_one_without_reactions_gets_them_by_the_next_load(self) -> None:
        own = Flask("own")
        openheart.APP = own
        assert openheart.get_app() is own
        assert openheart.conf("PORT", 1) == 1
        assert openheart.load(uri="memory:") is own
        assert own.test_client().get("/openheart/a").json == {}

    def test_one_without_reactions_can_be_unloaded(self) -> None:
        openheart.APP = Flask("own")
        openheart.unload()
        assert openheart.APP is None

    def test_None_means_that_nothing_is_loaded(self) -> None:
        openheart.load(name="one", uri="memory:")
        openheart.APP = None
        with pytest.raises(OpenHeartError, match="Nothing is loaded"):
            openheart.get_app()

    def test_something_else_is_an_error_that_says_so(self) -> None:
        openheart.APP = "app"  # type: ignore[assignment]
        for call in (openheart.get_app, openheart.unload):
            with pytest.raises(OpenHeartError, match=r"openheart\.APP is a str: assign a Flask app or None"):
                call()
        assert openheart.APP is None

    def test_a_patched_one_is_used_and_put_back(self) -> None:
        loaded = openheart.load(name="loaded", uri="memory:")
        other = Flask("other")
        with mock.patch("openheart.APP", other):
            assert openheart.get_app() is other
        assert openheart.APP is loaded
        assert openheart.get_app() is loaded


class TestLookingAtTheModule:
    """None of this may need an app or a request, or load an app."""

    @pytest.mark.parametrize(
        "look",
        [
            lambda: pydoc.render_doc(openheart),
            lambda: pydoc.HTMLDoc().docmodule(openheart),
            lambda: inspect.getmembers(openheart),
            lambda: mock.create_autospec(openheart),
            lambda: mock.patch("openheart.page", autospec=True).start(),
            lambda: inspect.signature(openheart.page),  # type: ignore[arg-type]
            lambda: pydoc.render_doc(openheart.page),
            lambda: repr(openheart.page),
        ],
        ids=["help", "html", "members", "autospec", "patch", "signature", "help of page", "repr"],
    )
    def test_it_can_be_described(self, look: Callable[[], object]) -> None:
        try:
            assert look()
        finally:
            mock.patch.stopall()
        assert openheart.APP is None

    def test_the_page_is_no_page_and_false(self) -> None:
        assert not isinstance(openheart.page, openheart.Page)
        assert not isinstance(openheart.page, Flask)
        assert not openheart.page
        assert not hasattr(openheart.page, "reactions")

    def test_using_the_page_still_says_what_it_needs(self) -> None:
        with pytest.raises(RuntimeError, match="needs a request"):
            _ = openheart.page.reactions
        with pytest.raises(OpenHeartError, match="needs a request"):
            openheart.page.react("🥨")

    def test_an_autospec_checks_the_arguments(self) -> None:
        spec = mock.create_autospec(openheart)
        spec.react("a", "🥨")
        with pytest.raises(TypeError):
            spec.react("a")

    def test_doctests_of_a_module_that_imports_the_page_run(self) -> None:
        module = types.ModuleType("shop_of_test")
        sys.modules["shop_of_test"] = module
        try:
            code = "from openheart import page\ndef f():\n    '''\n    >>> 1 + 1\n    2\n    '''"
            exec(code, module.__dict__)
            assert doctest.testmod(module) == doctest.TestResults(failed=0, attempted=1)
        finally:
            del sys.modules["shop_of_test"]

    def test_no_app_is_loaded_by_looking_at_every_name(self) -> None:
        code = "import inspect, openheart; inspect.getmembers(openheart); print(openheart.APP)"
        assert run_child(code) == "None\n"
