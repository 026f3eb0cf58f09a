"""get_user() and scoped()."""

from __future__ import annotations

import asyncio
import enum
import json
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, request, session
from werkzeug.local import LocalProxy

import openheart
from openheart import OpenHeart
from openheart.cli import openheart_group
from openheart.core.state import state_of
from openheart.errors import InvalidEmoji, InvalidRequest, InvalidTarget, OpenHeartError, TenantError
from openheart.storage import Change, Listing
from openheart.storage.capabilities import movable
from openheart.storage.cursor import write_cursor
from openheart.storage.memory.backend import MemoryBackend

from ..engines import get_engine


async def scoped_in_a_loop() -> object:
    return openheart.scoped()


@dataclass
class User:
    id: Any


@dataclass
class Member:
    id: Any
    tenant: Any


def site(user: Any = None, **options: Any) -> Flask:
    app = Flask("site")
    app.testing = True
    oh = OpenHeart(app, env=False, **{"uri": "memory:", "openheart_listing": True, **options})
    oh.user_loader(lambda: user)
    return app


@pytest.fixture
def app() -> Iterator[Flask]:
    made = site(User(7))
    with made.test_request_context():
        yield made


class TestTheUser:
    def test_it_is_what_the_loader_returns_and_is_looked_for_once_a_request(self) -> None:
        app = Flask("site")
        app.secret_key = "secret"
        oh = OpenHeart(env=False, uri="memory:")
        asked = []

        @oh.user_loader
        def find() -> User | None:
            asked.append(session.get("user"))
            return User(session["user"]) if "user" in session else None

        oh.init_app(app)

        @app.get("/login/<name>")
        def login(name: str) -> str:
            session["user"] = name
            return "in"

        @app.get("/me")
        def me() -> str:
            assert openheart.get_user() is openheart.get_user()
            return str(openheart.get_user())

        client, other = app.test_client(), app.test_client()
        assert client.get("/me").text == "None"
        client.get("/login/ann")
        assert client.get("/me").text == "User(id='ann')"
        assert other.get("/me").text == "None"
        assert asked == [None, "ann", None]

    def test_loaders_may_be_coroutine_functions(self) -> None:
        class Site(Flask):
            # Flask's own wants asgiref.
            def async_to_sync(self, func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
                return lambda *given: asyncio.run(func(*given))

        app = Site("site")
        OpenHeart(app, env=False, uri="memory:")

        async def find(*given: Any) -> str:
            await asyncio.sleep(0)
            return "ann"

        with app.app_context():
            openheart.user_loader(find)
            openheart.tenant_loader(find)
            assert openheart.get_user() == "ann"
            assert openheart.scoped().prefix == "-/t/ann/"

    def test_an_async_view_may_use_async_loaders_and_slugs(self) -> None:
        class Site(Flask):
            # Flask's own wants asgiref.
            def async_to_sync(self, func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
                return lambda *given, **named: asyncio.run(func(*given, **named))

        app = Site("site")
        oh = OpenHeart(app, env=False, uri="memory:")

        @oh.user_loader
        async def find() -> str:
            await asyncio.sleep(0)
            return f"ann of {request.path}"

        async def slug(name: str) -> str | None:
            await asyncio.sleep(0)
            return None if name == "none" else f"{name} of {openheart.get_user()}"

        @app.get("/posts/<name>", openheart=slug)
        async def post(name: str) -> dict[str, str | None]:
            await asyncio.sleep(0)
            return {"user": openheart.get_user(), "target": openheart.page.target}

        @oh.tenant_loader
        async def fail(user: str) -> str:
            raise LookupError(user)

        client = app.test_client()
        assert client.get("/posts/a").json == {"user": "ann of /posts/a", "target": "a of ann of /posts/a"}
        assert client.get("/posts/none").json == {"user": "ann of /posts/none", "target": None}
        with app.test_request_context("/x"), pytest.raises(LookupError, match="ann of /x"):
            asyncio.run(scoped_in_a_loop())

    def test_each_app_has_a_loader_of_its_own(self) -> None:
        one, two = site("of one"), site("of two")
        with one.app_context():
            assert openheart.get_user() == "of one"
            with two.app_context():
                assert openheart.get_user() == "of two"
            assert openheart.get_user() == "of one"

    def test_the_apps_of_one_extension_share_its_loader_unless_they_name_one(self) -> None:
        oh = OpenHeart(env=False, uri="memory:")
        one, two = Flask("one"), Flask("two")
        for app in (one, two):
            oh.init_app(app)
        oh.user_loader(lambda: "of both")
        with two.app_context():
            openheart.user_loader(lambda: "of two")
        for app, expected in ((one, "of both"), (two, "of two")):
            with app.app_context():
                assert openheart.get_user() == expected

    def test_after_load_the_module_names_it(self) -> None:
        app = openheart.load(name="site", uri="memory:")

        @openheart.user_loader
        def find() -> str:
            return "ann"

        assert find() == "ann"
        with app.app_context():
            assert openheart.get_user() == "ann"

    def test_before_load_it_says_what_to_call(self) -> None:
        with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
            openheart.user_loader(lambda: None)
        with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
            openheart.tenant_loader(lambda user: None)

    def test_without_a_loader_it_says_how_to_name_one(self) -> None:
        app = Flask("site")
        OpenHeart(app, env=False, uri="memory:")
        with app.app_context(), pytest.raises(OpenHeartError, match=r"@openheart\.user_loader"):
            openheart.get_user()

    def test_outside_of_a_request_it_says_so(self) -> None:
        openheart.load(name="site", uri="memory:")
        openheart.user_loader(lambda: "ann")
        for call in (openheart.get_user, lambda: openheart.set_user(None)):
            with pytest.raises(OpenHeartError, match="needs an? (request|app context), and there is none"):
                call()

    def test_it_is_kept_in_g_user(self, app: Flask) -> None:
        assert openheart.get_user() is g.user
        openheart.set_user("ann")
        assert g.user == "ann"
        g.user = "ben"
        assert openheart.get_user() == "ben"

    @pytest.mark.parametrize("user", ["ann", None])
    def test_one_that_the_app_has_put_there_is_taken_and_no_loader_is_called(self, user: str | None) -> None:
        app = Flask("site")
        OpenHeart(app, env=False, uri="memory:")

        @app.before_request
        def find() -> None:
            g.user = user

        app.add_url_rule("/", "me", lambda: [openheart.get_user()])
        assert app.test_client().get("/").json == [user]
        with app.app_context():
            openheart.user_loader(lambda: "another")
        assert app.test_client().get("/").json == [user]

    def test_a_loader_that_fails_is_asked_again(self) -> None:
        app = site()
        answers = iter([ZeroDivisionError(), "ann"])

        def find() -> Any:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        state_of(app).users["user"] = find
        with app.app_context():
            with pytest.raises(ZeroDivisionError):
                openheart.get_user()
            assert openheart.get_user() == "ann"

    def test_a_loader_that_asks_for_the_user_is_an_error_and_no_endless_loop(self) -> None:
        app = site()
        state_of(app).users["user"] = openheart.get_user
        with app.app_context(), pytest.raises(OpenHeartError, match="user loader calls get_user"):
            openheart.get_user()

    def test_at_login_and_logout_the_user_can_be_said(self, app: Flask) -> None:
        assert openheart.get_user() == User(7)
        openheart.set_user(None)
        assert openheart.get_user() is None
        with pytest.raises(TenantError, match="nobody is logged in"):
            openheart.scoped()
        openheart.set_user(User(8))
        assert openheart.scoped().prefix == "-/u/8/"


class TestTheTenant:
    @pytest.mark.parametrize(
        ("user", "prefix"),
        [
            (User(7), "-/u/7/"),
            (User("ann"), "-/u/ann/"),
            (User(uuid.UUID(int=1)), "-/u/00000000-0000-0000-0000-000000000001/"),
            (Member(7, "acme"), "-/t/acme/"),
            (Member(7, 0), "-/t/0/"),
            ({"id": 7}, "-/u/7/"),
            ({"id": 7, "tenant": "acme"}, "-/t/acme/"),
            ("ann", "-/u/ann/"),
            (7, "-/u/7/"),
            (LocalProxy(lambda: User(7)), "-/u/7/"),
            (User(enum.StrEnum("Kind", ["ann"]).ann), "-/u/ann/"),  # type: ignore[attr-defined]
        ],
    )
    def test_it_is_the_users_tenant_or_where_there_is_none_the_user(self, user: Any, prefix: str) -> None:
        with site(user).app_context():
            assert openheart.scoped().prefix == prefix

    def test_a_user_is_not_the_tenant_of_the_same_id(self) -> None:
        app = site(User(5))
        with app.app_context():
            openheart.scoped().react("post", "🥨")
            openheart.set_user(Member(1, 5))
            assert openheart.scoped().reactions("post") == {}
            assert openheart.scoped(5).reactions("post") == {}

    def test_the_app_may_say_how_to_find_it(self) -> None:
        app = site(User(7))
        with app.app_context():
            openheart.tenant_loader(lambda user: f"team-{user.id}")
            assert openheart.scoped().prefix == "-/t/team-7/"
        oh = OpenHeart(env=False, uri="memory:")
        oh.tenant_loader(lambda user: "of the extension")
        oh.user_loader(lambda: "ann")
        other = Flask("other")
        oh.init_app(other)
        with other.app_context():
            assert openheart.scoped().prefix == "-/t/of%20the%20extension/"

    class Nobody:
        is_authenticated = False
        id = "anonymous"

    @pytest.mark.parametrize("user", [None, Nobody(), LocalProxy(Nobody)])
    def test_where_nobody_is_logged_in_there_is_none(self, user: Any) -> None:
        with site(user).app_context():
            with pytest.raises(TenantError, match="nobody is logged in"):
                openheart.scoped()
            openheart.tenant_loader(lambda user: "acme")
            with pytest.raises(TenantError, match="nobody is logged in"):
                openheart.scoped()

    def test_a_visitor_who_is_not_logged_in_gets_a_401_that_the_app_can_handle(self) -> None:
        app = site(None)
        app.testing = False
        app.add_url_rule("/", "notes", lambda: openheart.scoped().reactions("a"))
        client = app.test_client()
        answer = client.get("/")
        assert (answer.status_code, "tenant" in answer.text) == (401, False)

        handled = site(None)
        handled.add_url_rule("/", "notes", lambda: openheart.scoped().reactions("a"))
        handled.register_error_handler(401, lambda error: ("log in", 401))
        assert handled.test_client().get("/").text == "log in"

        by_class = site(None)
        by_class.add_url_rule("/", "notes", lambda: openheart.scoped().reactions("a"))
        by_class.register_error_handler(TenantError, lambda error: (str(error), 403))
        answer = by_class.test_client().get("/")
        assert (answer.status_code, answer.text[:20]) == (403, "nobody is logged in,")

    def test_a_user_without_a_tenant_is_an_error_of_the_app(self) -> None:
        app = site(User(None))
        app.testing = False
        app.add_url_rule("/", "notes", lambda: openheart.scoped().reactions("a"))
        assert app.test_client().get("/").status_code == 500

    @pytest.mark.parametrize(
        ("user", "complaint"),
        [
            (Member(7, None), "the user's tenant is None"),
            (User(None), "the user's id is None"),
            ({"id": 7, "tenant": None}, "the user's tenant is None"),
            (object(), "neither a tenant nor an id"),
            (Member(7, ""), "the tenant is not valid: it is empty"),
            (User("  "), "the user is not valid: it is empty"),
            (User("\ud800"), "unpaired surrogate"),
            (User("x" * 300), "longer than 256 bytes"),
            (Member(7, object()), "a tenant cannot be a object"),
            (Member(7, True), "a tenant cannot be a bool"),
            (User(b"7"), "a user cannot be a bytes"),
            (User(7.0), "a user cannot be a float"),
            (Member(7, ["acme"]), "a tenant cannot be a list"),
        ],
    )
    def test_a_user_without_a_usable_one_is_an_error_and_never_another(
        self, user: Any, complaint: str
    ) -> None:
        with site(user).app_context(), pytest.raises(TenantError, match=complaint):
            openheart.scoped()

    def test_a_tenant_loader_that_finds_none_is_an_error(self, app: Flask) -> None:
        openheart.tenant_loader(lambda user: None)
        with pytest.raises(TenantError, match="returned None"):
            openheart.scoped()

    @pytest.mark.parametrize("tenant", ["", " ", True, 7.5, b"acme", ["acme"]])
    def test_a_tenant_that_is_named_is_checked_too(self, tenant: Any, app: Flask) -> None:
        with pytest.raises(TenantError):
            openheart.scoped(tenant)

    def test_a_named_tenant_needs_no_user(self) -> None:
        app = Flask("site")
        OpenHeart(app, env=False, uri="memory:")
        with app.app_context():
            assert openheart.scoped("acme").prefix == "-/t/acme/"
            assert repr(openheart.scoped("acme")) == "<Scoped -/t/acme/>"


class TestItsTargets:
    def test_they_are_read_and_reacted_to(self, app: Flask) -> None:
        mine = openheart.scoped()
        assert mine.react("/post/", "🥨 and more") == {"🥨": 1}
        mine.react("post", "🎉")
        assert mine.react("post", "🎉") == {"🎉": 2, "🥨": 1}
        assert list(mine.reactions("post")) == ["🎉", "🥨"]
        assert mine.reactions_of(["post", "other", "post"]) == {"post": {"🎉": 2, "🥨": 1}, "other": {}}
        assert mine.reactions_of([]) == {}
        assert mine.react("/", "🥨") == {"🥨": 1}
        assert [target for target, _ in mine.list().targets] == ["/", "post"]

    def test_the_policy_of_the_site_holds(self) -> None:
        with site("ann", openheart_emoji=["🥨"]).app_context():
            with pytest.raises(OpenHeartError):
                openheart.scoped().react("post", "🎉")
            with pytest.raises(InvalidEmoji):
                openheart.scoped().react("post", "no emoji")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("acme", "acme2"),
            ("acme", "Acme"),
            ("acme", "acme/"),
            ("acme", "acme%2F"),
            ("acme", "аcme"),
            ("\xe9", "e\u0301"),
            ("\ufb01", "fi"),
            ("\u212b", "\xc5"),
            ("acme", "acme\u200b"),
            ("acme", " acme"),
            ("a/b", "a"),
            ("..", "acme"),
            ("a_c", "abc"),
            ("a%c", "abc"),
        ],
    )
    @pytest.mark.parametrize("uri", ["memory:", "sqlite:///counts.db"])
    def test_no_tenant_has_those_of_another(self, one: str, other: str, uri: str, tmp_path: Path) -> None:
        app = Flask("site", instance_path=str(tmp_path))
        OpenHeart(app, env=False, uri=uri)
        with app.app_context():
            for tenant, emoji in ((one, "🥨"), (other, "🎉")):
                openheart.scoped(tenant).react("b/post", emoji)
                openheart.scoped(tenant).react("post", emoji)
            for tenant, emoji in ((one, "🥨"), (other, "🎉")):
                mine = openheart.scoped(tenant)
                assert mine.reactions("post") == {emoji: 1}
                assert mine.list().targets == [("b/post", {emoji: 1}), ("post", {emoji: 1})]
        state_of(app).close()

    @pytest.mark.parametrize(
        "target",
        ["../other/post", "a/../../other/post", "..", "-/u/8/post", "/-/u/8/post", "post\0", "post\r\nx"],
    )
    def test_a_target_that_could_lead_out_is_refused_everywhere(self, target: str, app: Flask) -> None:
        mine = openheart.scoped()
        for call in (
            mine.reactions,
            lambda it: mine.react(it, "🥨"),
            lambda it: mine.reactions_of(["a", it]),
        ):
            with pytest.raises(InvalidTarget):
                call(target)

    @pytest.mark.parametrize(
        "target", ["%2e%2e/8/post", "..\\8\\post", "．．/8/post", "u/8/post", "//8/post"]
    )
    def test_a_target_that_looks_like_one_of_another_is_an_own_one(self, target: str, app: Flask) -> None:
        mine = openheart.scoped()
        openheart.set_user(User(8))
        theirs = openheart.scoped()
        theirs.react("post", "🥨")
        assert mine.reactions(target) == {}
        mine.react(target, "🎉")
        assert theirs.list().targets == [("post", {"🥨": 1})]

    @pytest.mark.parametrize(
        "prefix", ["../", "8/", "-/u/8", "/", "//", "", "%", "_", "*", "\0", "p", "\ud800"]
    )
    def test_no_prefix_of_a_list_shows_those_of_another(self, prefix: str, app: Flask) -> None:
        openheart.scoped("8").react("post", "🥨")
        openheart.set_user(User(8))
        openheart.scoped().react("post", "🥨")
        openheart.set_user(User(7))
        assert openheart.scoped().list(prefix).targets == []

    def test_a_list_goes_on_page_by_page(self, app: Flask) -> None:
        for number in range(7):
            openheart.scoped().react(f"post-{number}", "🥨")
            openheart.scoped("other").react(f"post-{number}", "🥨")
        found: list[str] = []
        cursor = None
        while True:
            page = openheart.scoped().list("/post", cursor, limit=3)
            found += [target for target, _ in page.targets]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == [f"post-{number}" for number in range(7)]

    @pytest.mark.parametrize("after", ["-/u/1/", "-/t/acme/", "post", "-/"])
    def test_a_cursor_of_another_list_shows_nothing_of_it(self, after: str, app: Flask) -> None:
        openheart.scoped("acme").react("post", "🥨")
        openheart.react("post", "🥨")
        assert openheart.scoped().list(cursor=write_cursor(after)).targets == []
        with pytest.raises(InvalidRequest):
            openheart.scoped().list(cursor="nonsense")

    def test_a_storage_that_lists_too_much_shows_nothing_of_others(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [("-/u/7/mine", {"🥨": 1}), ("-/u/8/theirs", {"🥨": 1}), ("post", {"🥨": 1})]
        monkeypatch.setattr(MemoryBackend, "list", lambda *given: Listing(rows, None))
        assert openheart.scoped().list().targets == [("mine", {"🥨": 1})]

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_a_limit_that_makes_no_sense_is_refused(self, limit: int, app: Flask) -> None:
        with pytest.raises(ValueError, match="expected 1 to 1000"):
            openheart.scoped().list(limit=limit)


class TestEveryoneElse:
    @pytest.mark.parametrize(
        "path",
        ["-/u/7/post", "/-/u/7/post", "%2D/u/7/post", "-%2Fu%2F7%2Fpost", "x/../-/u/7/post", "./-/u/7/post"],
    )
    def test_no_visitor_reaches_them_by_the_routes(self, path: str) -> None:
        app = site(User(7))
        with app.app_context():
            openheart.scoped().react("post", "🥨")
        client = app.test_client()
        for answer in (
            client.get(f"/openheart/{path}"),
            client.post(f"/openheart/{path}", data="🎉"),
            client.get("/openheart/", query_string={"target": path}),
        ):
            assert "🥨" not in answer.text
        with app.app_context():
            assert openheart.scoped().reactions("post") == {"🥨": 1}

    def test_no_view_reaches_them_without_a_scope(self, app: Flask) -> None:
        openheart.scoped().react("post", "🥨")
        for call in (
            openheart.reactions,
            lambda it: openheart.react(it, "🥨"),
            lambda it: openheart.reactions_of([it]),
        ):
            with pytest.raises(InvalidTarget):
                call("-/u/7/post")
        assert openheart.reactions("post") == {}

    @pytest.mark.parametrize("uri", ["memory:", "sqlite:///counts.db"])
    def test_the_public_list_shows_neither_them_nor_a_cursor_that_names_them(
        self, uri: str, tmp_path: Path
    ) -> None:
        app = Flask("site", instance_path=str(tmp_path))
        OpenHeart(app, env=False, uri=uri, openheart_listing=True)
        backend = state_of(app).service.backend
        targets = [f"-/t/secret/{number:03}" for number in range(250)]
        public = ["!first", "+second", "-0", "a", "é"]
        movable(backend).at_least([(target, {"🥨": 1}) for target in (*targets, *public)])
        client = app.test_client()
        found: list[str] = []
        cursor: str | None = ""
        requests = 0
        while cursor is not None:
            query = {"list": "", **({"cursor": cursor} if cursor else {})}
            answer = client.get("/openheart/", query_string=query).get_json()
            found += answer["targets"]
            cursor = answer["cursor"]
            requests += 1
            assert cursor is None or cursor == write_cursor("-/\U0010ffff")
        assert found == public
        assert requests == 2
        for query in (
            {"list": "-/t/"},
            {"list": "-"},
            {"list": "", "cursor": write_cursor("-/t/secret/100")},
        ):
            answer = client.get("/openheart/", query_string=query)
            assert "secret" not in answer.text
            assert answer.get_json()["cursor"] in (None, write_cursor("-/\U0010ffff"))
        state_of(app).close()


class TestTheOperator:
    def test_export_import_count_and_delete_know_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        def run(*arguments: str, code: int = 0) -> str:
            with pytest.raises(SystemExit) as ended:
                openheart_group.main([*arguments], prog_name="openheart")
            assert ended.value.code == code
            return capsys.readouterr().out

        target = "-/t/a%2F%C3%A9/post"
        with get_engine("sqlite:///openheart.db") as backend:
            backend.apply([Change(target, "🥨", 3)])
        row = run("export")
        assert json.loads(row) == {"target": target, "counts": {"🥨": 3}}
        assert json.loads(run("count", "--json", "--", target)) == {"🥨": 3}
        run("delete", "--yes", "--", target)
        assert json.loads(run("count", "--json", "--", target)) == {}
        Path("rows.jsonl").write_text(row, encoding="utf-8")
        run("import", "rows.jsonl")
        assert json.loads(run("count", "--json", "--", target)) == {"🥨": 3}
        Path("rows.jsonl").write_text(row.replace("a%2F", "../"), encoding="utf-8")
        run("import", "rows.jsonl", code=2)
        run("count", "--", "-/t/../post", code=2)


def test_named_parameters_of_a_query_are_part_of_a_tenants_target() -> None:
    app = Flask("site")
    OpenHeart(app, env=False, uri="memory:", query="p")
    with app.app_context():
        shop = openheart.scoped("shop")
        shop.react("/post/?utm=1&p=2", "🥨")
        assert shop.reactions_of(["post?p=2", "post"]) == {"post?p=2": {"🥨": 1}, "post": {}}
        assert [target for target, _ in shop.list().targets] == ["post/?p=2"]
