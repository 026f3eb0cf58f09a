from __future__ import annotations

import base64
import json
import os
import pickle
import re
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Flask, Response, flash, get_flashed_messages, session
from flask.testing import FlaskClient
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

import openheart
from openheart.errors import BatteryError, BatteryUnavailable, ConfigError, MissingDependency

from ...child import run_child
from ...servers.process import frozen
from ...servers.valkey import Server
from ...waiting import until

UNREACHABLE = "valkey://127.0.0.1:1"


@pytest.fixture(scope="module")
def server(valkey_server: Server) -> Server:
    return valkey_server


@pytest.fixture(autouse=True)
def _empty(server: Server) -> None:
    server.do("FLUSHALL")


def make(uri: str, name: str = "one", **options: Any) -> Flask:
    app = openheart.load(name=name, uri="memory:", redis_session=True, redistogo_url=uri, **options)

    @app.get("/set/<value>")
    def put(value: str) -> str:
        session["value"] = value
        return "set"

    @app.get("/get")
    def get() -> str:
        return str(session.get("value"))

    @app.get("/clear")
    def clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    return app


def keys(server: Server) -> list[str]:
    return sorted(key.decode() for key in server.do("KEYS", "*"))


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    assert found is not None
    return found.value


def test_a_session_is_in_valkey_and_the_cookie_is_its_id_alone(server: Server) -> None:
    client = make(server.uri).test_client()
    client.get("/set/hello")
    assert client.get("/get").text == "hello"
    (key,) = keys(server)
    assert json.loads(server.do("GET", key)) == {"value": "hello"}
    assert len(base64.urlsafe_b64decode(cookie(client) + "=")) == 32
    # Who sees the keys of the server has no cookie of anybody.
    assert key.startswith("openheart-session:one::")
    assert cookie(client) not in key


def test_a_session_holds_all_that_one_of_flask_holds(server: Server) -> None:
    app = make(server.uri)
    things = {
        "tuple": (1, "two"),
        "bytes": b"\0\xff",
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "uuid": uuid.UUID(int=7),
        "markup": Markup("<b>"),
        "emoji": "🥨",
        "nested": {"list": [1.5, None, True]},
    }

    @app.get("/fill")
    def fill() -> str:
        session.update(things)
        flash("saved", "info")
        return "filled"

    @app.get("/look")
    def look() -> str:
        assert {key: session[key] for key in things} == things
        assert session["time"].tzinfo is not None
        assert get_flashed_messages(with_categories=True) == [("info", "saved")]
        return "seen"

    client = app.test_client()
    assert client.get("/fill").text == "filled"
    assert client.get("/look").text == "seen"


def test_what_cannot_be_stored_is_an_error_of_the_app_and_not_dropped(server: Server) -> None:
    app = make(server.uri)
    app.testing = True

    @app.get("/wrong")
    def wrong() -> str:
        session["wrong"] = object()
        return "wrong"

    with pytest.raises(TypeError):
        app.test_client().get("/wrong")


class Exploit:
    def __reduce__(self) -> Any:
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("head", [b"", b"!"])
def test_a_pickle_in_valkey_is_not_run_and_counts_as_no_session(
    server: Server, head: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(server.uri).test_client()
    client.get("/set/hello")
    (key,) = keys(server)
    server.do("SET", key, head + pickle.dumps(Exploit()))
    before = cookie(client)
    assert client.get("/get").text == "None"
    assert not (tmp_path / "owned").exists()
    assert "cannot be decoded and is ignored" in caplog.text
    client.get("/set/again")
    assert cookie(client) != before


@pytest.mark.parametrize("stored", [b"[1]", b"7", b'{" d": "x"}', b'{" u": 1}', b"\xff", b"", b'"text"'])
def test_anything_else_in_its_place_counts_as_no_session(server: Server, stored: bytes) -> None:
    client = make(server.uri).test_client()
    client.get("/set/hello")
    server.do("SET", keys(server)[0], stored)
    assert client.get("/get").text == "None"


@pytest.mark.parametrize("planted", ["planted", "x" * 5000, "../../x", "*", "a b", "\x7f", "é"])
def test_an_id_that_the_visitor_brought_is_never_taken(server: Server, planted: str) -> None:
    client = make(server.uri).test_client(use_cookies=False)
    answer = client.get("/set/hello", headers={"Cookie": f"session={planted}"})
    given = answer.headers["Set-Cookie"].partition(";")[0]
    assert len(given) == len("session=") + 43
    assert planted not in given.removeprefix("session=")
    assert len(keys(server)) == 1


def test_a_session_ends_with_the_lifetime_of_the_app_and_use_prolongs_it(server: Server) -> None:
    app = make(server.uri)
    app.permanent_session_lifetime = timedelta(hours=1)
    client = app.test_client()
    client.get("/set/hello")
    (key,) = keys(server)
    assert 3590 <= server.do("TTL", key) <= 3600
    server.do("EXPIRE", key, 100)
    client.get("/plain")
    assert server.do("TTL", key) <= 100
    client.get("/get")
    assert 3590 <= server.do("TTL", key) <= 3600
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    server.do("EXPIRE", key, 100)
    assert client.get("/get").text == "hello"
    assert server.do("TTL", key) <= 100


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(milliseconds=1), timedelta(days=-1)])
def test_no_session_is_kept_for_ever(server: Server, lifetime: timedelta) -> None:
    app = make(server.uri)
    app.permanent_session_lifetime = lifetime
    app.test_client().get("/set/hello")
    assert [server.do("TTL", key) for key in keys(server)] in ([1], [0], [-2], [])


def test_the_cookie_is_one_of_the_browser_session_unless_the_app_says_permanent(server: Server) -> None:
    app = make(server.uri)

    @app.get("/stay")
    def stay() -> str:
        session.permanent = True
        return "stays"

    client = app.test_client()
    client.get("/set/hello")
    found = client.get_cookie("session")
    assert found is not None
    assert found.expires is None
    client.get("/stay")
    found = client.get_cookie("session")
    assert found is not None
    assert found.expires is not None


@pytest.mark.parametrize(
    ("base", "is_secure"),
    [
        ("http://localhost/", False),
        ("http://127.0.0.1:5000/", False),
        ("http://[::1]:5000/", False),
        ("http://app.localhost/", False),
        ("https://localhost/", True),
        ("http://example.com/", True),
        ("http://localhost.example.com/", True),
        ("http://127.0.0.1.example.com:80/", True),
        ("http://192.168.1.5:5000/", True),
    ],
)
def test_the_cookie_is_for_https_alone_but_on_this_machine(
    server: Server, base: str, is_secure: bool
) -> None:
    answer = make(server.uri).test_client().get("/set/hello", base_url=base)
    parts = answer.headers["Set-Cookie"].split("; ")
    assert ("Secure" in parts) is is_secure
    assert "HttpOnly" in parts
    assert "SameSite=Lax" in parts


@pytest.mark.parametrize("said", [True, False])
def test_what_the_app_says_of_its_cookie_goes_before_that(server: Server, said: bool) -> None:
    app = make(server.uri)
    app.config.update(SESSION_COOKIE_SECURE=said, SESSION_COOKIE_SAMESITE="Strict")
    base = "http://localhost/" if said else "http://example.com/"
    parts = app.test_client().get("/set/hello", base_url=base).headers["Set-Cookie"].split("; ")
    assert ("Secure" in parts) is said
    assert "SameSite=Strict" in parts


def test_each_cookie_setting_of_flask_holds_for_the_cookie_and_for_its_deletion(server: Server) -> None:
    app = make(server.uri)
    app.config.update(
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="None",
        SESSION_COOKIE_DOMAIN="example.com",
        SESSION_COOKIE_PATH="/in",
        SESSION_COOKIE_NAME="mine",
        SESSION_COOKIE_PARTITIONED=True,
    )
    client = app.test_client()
    expected = {"Secure", "HttpOnly", "SameSite=None", "Domain=example.com", "Path=/in"}
    if "SESSION_COOKIE_PARTITIONED" in Flask.default_config:
        expected.add("Partitioned")
    made = client.get("/set/hello", base_url="https://example.com/").headers["Set-Cookie"].split("; ")
    client.set_cookie("mine", made[0].removeprefix("mine="), domain="example.com")
    ended = client.get("/clear", base_url="https://example.com/").headers["Set-Cookie"].split("; ")
    assert expected <= set(made)
    assert expected <= set(ended)
    assert ended[0] == "mine="


def test_clearing_ends_the_session_in_valkey_and_takes_the_cookie_away(server: Server) -> None:
    client = make(server.uri).test_client()
    client.get("/set/hello")
    client.get("/clear")
    assert keys(server) == []
    assert client.get_cookie("session") is None


def test_a_request_that_ran_while_the_session_ended_does_not_revive_it(server: Server) -> None:
    app = make(server.uri)

    @app.get("/slow")
    def slow() -> str:
        session["value"] = "slow"
        inner = app.test_client()
        inner.set_cookie("session", cookie(client))
        inner.get("/clear")
        return "done"

    client = app.test_client()
    client.get("/set/hello")
    client.get("/slow")
    assert keys(server) == []


def test_a_new_id_at_login_keeps_what_the_session_holds_and_ends_the_old_id(server: Server) -> None:
    app = make(server.uri)

    @app.get("/login")
    def login() -> str:
        openheart.sessions.renew_session()
        session["user"] = "me"
        return "in"

    victim, attacker = app.test_client(), app.test_client()
    victim.get("/set/hello")
    attacker.set_cookie("session", cookie(victim))
    victim.get("/login")
    assert cookie(victim) != cookie(attacker)
    assert victim.get("/get").text == "hello"
    assert attacker.get("/get").text == "None"
    assert len(keys(server)) == 1


def test_a_request_that_ran_while_its_visitor_logged_in_leaves_the_new_id_alone(server: Server) -> None:
    app = make(server.uri)

    @app.get("/login")
    def login() -> str:
        openheart.sessions.renew_session()
        session["value"] = "in"
        return "in"

    @app.get("/slow")
    def slow() -> str:
        session["value"] = "slow"
        # The same browser, in another tab.
        tab = app.test_client()
        tab.set_cookie("session", cookie(client))
        tab.get("/login")
        client.set_cookie("session", cookie(tab))
        return "done"

    client = app.test_client()
    client.get("/set/hello")
    answer = client.get("/slow")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie"
    assert client.get("/get").text == "in"


def test_a_new_id_after_the_session_was_emptied_is_one_too(server: Server) -> None:
    app = make(server.uri)

    @app.get("/login")
    def login() -> str:
        session.clear()
        openheart.sessions.renew_session()
        session["value"] = "mine"
        return "in"

    victim, attacker = app.test_client(), app.test_client()
    victim.get("/set/hello")
    attacker.set_cookie("session", cookie(victim))
    victim.get("/login")
    assert attacker.get("/get").text == "None"
    assert victim.get("/get").text == "mine"


def test_a_new_id_where_flask_keeps_the_session_does_nothing() -> None:
    app = openheart.load(name="one", uri="memory:", secret_key="secret")
    with app.test_request_context():
        session["value"] = "hello"
        openheart.sessions.renew_session()
        assert session["value"] == "hello"


def test_without_a_request_there_is_no_session_to_renew(server: Server) -> None:
    make(server.uri)
    with pytest.raises(RuntimeError, match="request context"):
        openheart.sessions.renew_session()


def test_a_route_that_does_not_look_at_the_session_asks_valkey_nothing(server: Server) -> None:
    client = make(server.uri).test_client()
    client.get("/set/hello")
    before = server.do("INFO", "commandstats")
    answer = client.get("/plain")
    assert client.get("/openheart/post").json == {}
    after = server.do("INFO", "commandstats")
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    asked = {name for name in after if after[name] != before.get(name)} - {
        "cmdstat_info",
        "cmdstat_client|setinfo",
    }
    assert asked <= {"cmdstat_hello"}


def test_whoever_looks_at_the_session_gets_an_answer_that_no_cache_gives_to_another(server: Server) -> None:
    app = make(server.uri)

    @app.get("/is-in")
    def is_in() -> str:
        return str("value" in session)

    client = app.test_client()
    client.get("/set/hello")
    assert client.get("/is-in").headers["Vary"] == "Cookie"
    assert app.test_client().get("/is-in").headers["Vary"] == "Cookie"


def test_an_app_and_an_instance_have_sessions_of_their_own(server: Server) -> None:
    first = make(server.uri, "one").test_client()
    first.get("/set/hello")
    others = [make(server.uri, "two"), make(server.uri, "one", instance="blue")]
    for app in others:
        other = app.test_client()
        other.set_cookie("session", cookie(first))
        assert other.get("/get").text == "None"
    assert make(server.uri, "one").test_client().get("/get").text == "None"
    again = make(server.uri, "one").test_client()
    again.set_cookie("session", cookie(first))
    assert again.get("/get").text == "hello"


def test_while_valkey_is_unavailable_the_visitor_gets_a_503_and_reactions_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(tmp_path) as server:
        app = make(server.uri)
        client = app.test_client()
        client.get("/set/hello")
        server.kill()
        for path in ("/get", "/set/again", "/clear"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "5"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "127.0.0.1" not in answer.text
            assert "Set-Cookie" not in answer.headers
        assert "SessionsUnavailable: sessions: the Valkey of REDISTOGO_URL" in caplog.text
        assert client.get("/plain").text == "plain"
        assert client.post("/openheart/post", data="🥨").json == {"🥨": 1}
        ready = client.get("/openheart/-/readyz")
        assert ready.status_code == 503
        server.start()
        until(lambda: client.get("/get").status_code == 200, "sessions did not come back")
        assert client.get("/set/again").text == "set"
        openheart.unload()


def test_a_visitor_without_a_cookie_needs_no_valkey_before_something_is_stored() -> None:
    client = make(UNREACHABLE).test_client()
    assert client.get("/get").text == "None"
    assert client.get("/set/hello").status_code == 503


def test_what_cannot_be_stored_at_the_end_of_a_request_is_no_success(server: Server) -> None:
    app = make(UNREACHABLE)

    @app.get("/login")
    def login() -> Response:
        session["user"] = "me"
        answer = flask.make_response(flask.redirect("/home"))
        answer.set_etag("x")
        return answer

    answer = app.test_client().get("/login")
    assert answer.status_code == 503
    assert "Location" not in answer.headers
    assert "ETag" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_the_app_may_have_a_page_of_its_own_for_it_which_may_look_at_the_session() -> None:
    app = make(UNREACHABLE)

    @app.errorhandler(503)
    def sorry(error: Exception) -> tuple[str, int, dict[str, str]]:
        assert isinstance(error, BatteryUnavailable)
        return f"sorry, {session.get('user', 'you')}", 503, {"X-Mine": "yes"}

    for path, headers in (("/get", {"Cookie": "session=x"}), ("/set/hello", {})):
        answer = app.test_client(use_cookies=False).get(path, headers=headers)
        assert (answer.status_code, answer.text) == (503, "sorry, you")
        assert answer.headers["X-Mine"] == "yes"


def test_the_app_may_catch_it_as_any_failure_of_a_battery() -> None:
    app = make(UNREACHABLE)

    @app.errorhandler(BatteryError)
    def sorry(error: BatteryError) -> tuple[str, int]:
        return error.battery, 502

    answer = app.test_client(use_cookies=False).get("/get", headers={"Cookie": "session=x"})
    assert (answer.status_code, answer.text) == (502, "sessions")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        # Of a connection that another thread closes, the driver raises these two.
        (ValueError("I/O operation on closed file."), 503),
        (AttributeError("'NoneType' object has no attribute 'recv'"), 503),
        (RuntimeError("anything else"), 500),
    ],
)
def test_a_session_that_could_not_be_read_is_not_stored_over(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    app = make(server.uri)

    @app.errorhandler(500)
    @app.errorhandler(503)
    def sorry(error: HTTPException) -> tuple[str, int]:
        session["value"] = "sorry"
        return "sorry", error.code or 500

    def fail(*args: Any, **options: Any) -> None:
        raise error

    client = app.test_client()
    client.get("/set/hello")
    with monkeypatch.context() as broken:
        broken.setattr(openheart.valkey.get_connection(app), "getex", fail)
        answer = client.get("/get")
    assert (answer.status_code, answer.text) == (status, "sorry")
    assert "Set-Cookie" not in answer.headers
    assert client.get("/get").text == "hello"


@pytest.mark.parametrize("command", ["set", "delete"])
def test_a_connection_that_is_closed_while_a_session_is_stored_is_a_503(
    server: Server, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise ValueError("I/O operation on closed file.")

    app = make(server.uri)
    client = app.test_client()
    client.get("/set/hello")
    monkeypatch.setattr(openheart.valkey.get_connection(app), command, fail)
    assert client.get({"set": "/set/again", "delete": "/clear"}[command]).status_code == 503


def test_a_handler_of_the_app_that_fails_itself_leaves_the_503() -> None:
    app = make(UNREACHABLE)

    @app.errorhandler(503)
    def broken(error: Exception) -> str:
        raise ZeroDivisionError

    assert app.test_client().get("/set/hello").status_code == 503


def test_a_server_that_refuses_writes_is_named(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    app = make(server.uri)
    client = app.test_client()
    client.get("/set/hello")
    server.do("CONFIG", "SET", "maxmemory", "1")
    try:
        assert client.get("/get").text == "hello"
        assert client.get("/set/more").status_code == 503
        assert "maxmemory" in caplog.text
        assert client.get("/openheart/-/readyz").status_code == 503
    finally:
        server.do("CONFIG", "SET", "maxmemory", "0")
    assert client.get("/set/more").status_code == 200


def test_a_frozen_server_holds_up_few_requests(server: Server) -> None:
    client = make(server.uri, openheart_valkey_timeout="100ms").test_client()
    until(lambda: client.get("/set/hello").status_code == 200, "it did not answer in time")
    began = time.monotonic()
    with frozen(server):
        answers = [client.get("/get").status_code for _ in range(200)]
    assert answers == [503] * 200
    # Each of them would have waited for 100 ms, 20 seconds in all and more.
    assert time.monotonic() - began < 10


def test_readiness_says_whether_sessions_can_be_stored(server: Server) -> None:
    ready = make(server.uri).test_client().get("/openheart/-/readyz")
    assert ready.json == {"status": "ready", "batteries": {"sessions": "ok", "valkey": "ok"}}
    refused = make(UNREACHABLE).test_client().get("/openheart/-/readyz")
    assert refused.status_code == 503


def test_in_safe_mode_sessions_without_a_secret_key_are_refused(server: Server) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY=None .*a secret that all processes of the app share"):
        make(server.uri, safe=True)
    app = make(server.uri, safe=True, secret_key="a secret of ours")
    assert app.secret_key == "a secret of ours"
    assert app.test_client().get("/set/hello").text == "set"


def test_in_safe_mode_a_valkey_that_is_unavailable_is_an_error_of_the_start() -> None:
    with pytest.raises(BatteryUnavailable, match="the Valkey of REDISTOGO_URL does not store sessions"):
        make(UNREACHABLE, safe=True, secret_key="a secret of ours")


def test_no_secret_key_is_ever_made_up(server: Server) -> None:
    assert make(server.uri).secret_key is None
    assert openheart.load(name="two", uri="memory:").secret_key is None


def test_sessions_without_a_valkey_are_refused_at_load() -> None:
    with pytest.raises(ConfigError, match="REDISTOGO_URL=None.*because OPENHEART_REDIS_SESSION is"):
        openheart.load(name="one", uri="memory:", redis_session=True)


@pytest.mark.parametrize("library", ["flask_session", "valkey"])
def test_a_missing_library_names_the_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == library else find_spec(name))
    with pytest.raises(MissingDependency, match=r"pip install 'openheart\[(sessions|valkey)\]'"):
        make(UNREACHABLE)


def test_without_sessions_their_library_is_not_loaded() -> None:
    code = "import sys, openheart; openheart.load(name='one', uri='memory:'); openheart.unload();"
    code += "print({'flask_session', 'cachelib', 'msgspec', 'valkey'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


FORK = """
import os, sys
import openheart
from flask import session
app = openheart.load(name="one", uri="memory:", redis_session=True, redistogo_url=sys.argv[1])
@app.get("/add")
def add():
    session["times"] = session.get("times", 0) + 1
    return str(session["times"])
client = app.test_client()
assert client.get("/add").text == "1"
child = os.fork()
if not child:
    assert client.get("/add").text == "2"
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(client.get("/add").text)
openheart.unload()
"""


def test_the_user_that_the_docs_name_can_do_all_that_sessions_need(server: Server) -> None:
    docs = Path(openheart.__file__).parents[1] / "docs" / "howto" / "sessions.rst"
    (rules,) = re.findall(r"``(~openheart-session:.*?)``", docs.read_text(encoding="utf-8"))
    server.do("ACL", "SETUSER", "sessions", "on", ">secret", *rules.split())
    client = make(f"valkey://sessions:secret@127.0.0.1:{server.port}").test_client()
    assert client.get("/set/hello").text == "set"
    assert client.get("/get").text == "hello"
    assert client.get("/clear").text == "cleared"
    assert keys(server) == []
    assert client.get("/openheart/-/readyz").status_code == 200


def test_workers_that_were_forked_share_the_sessions(server: Server) -> None:
    assert run_child(FORK, server.uri) == "3\n"


def test_session_transaction_of_the_test_client_works(server: Server) -> None:
    app = make(server.uri)
    client = app.test_client()
    with client.session_transaction() as opened:
        opened["value"] = "hello"
    assert client.get("/get").text == "hello"
