from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openheart import testing
from openheart.cli.conform import Outcome, Request, Response, command
from openheart.protocol.vectors import load_vectors

from ..ended import Run
from .peers import Foreign, as_app, no_openheart, served


@pytest.fixture
def server_url() -> Iterator[str]:
    with served(testing.create_app()) as url:
        yield url


def test_our_own_server_passes(run: Run, server_url: str) -> None:
    ended = run("conform", f"{server_url}/openheart", "--group", "required")

    assert ended.code == 0
    assert ended.out.splitlines()[-1].split()[0] == "required"
    assert ended.out.splitlines()[-1].split()[2:] == ["0", "0"]


@pytest.mark.parametrize("given", ["", "/", "/elsewhere"])
def test_the_usual_prefix_is_found_and_said(run: Run, server_url: str, given: str) -> None:
    ended = run("conform", server_url + given, "--group", "required", "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["url"] == f"{server_url}/openheart"
    assert f"{server_url}{given} does not count reactions, but {server_url}/openheart does" in ended.err


class Query(Foreign):
    """Has the target in ``?id=``."""

    def target(self, path: str) -> str:
        return path

    def __call__(self, request: Request) -> Response:
        return super().__call__(request) if "?id=" in request.path else Response(404, [], b"")


def test_the_usual_form_of_a_target_is_found_and_said(run: Run) -> None:
    with served(as_app(Query())) as url:
        ended = run("conform", url, "--group", "required")

    assert ended.code == 0
    assert f"but {url} does with --target '?id={{target}}'" in ended.err


def test_a_form_that_is_given_is_not_replaced(run: Run, server_url: str) -> None:
    ended = run("conform", server_url, "--target", "{target}", "--group", "required", "--json")

    assert ended.code == 1
    assert json.loads(ended.out)["url"] == server_url
    assert "does not count reactions" not in ended.err


def test_a_whole_address_needs_no_url(run: Run) -> None:
    with served(as_app(Query())) as url:
        ended = run("conform", "--target", url + "/react?id={target}", "--group", "required")

    assert ended.code == 0


@pytest.mark.parametrize(
    "arguments",
    [[], ["http://h", "--target", "http://h/{target}"]],
    ids=["nothing", "both"],
)
def test_where_the_server_is_must_be_said_once(run: Run, arguments: list[str]) -> None:
    ended = run("conform", *arguments)

    assert ended.code == 2
    assert "give URL, or a whole address with {target} as --target" in ended.err


@pytest.mark.parametrize("emoji", ["hello", "❤️👍", "❤️,", "❤️ 👍"])
def test_emoji_that_are_none_are_refused(run: Run, emoji: str) -> None:
    ended = run("conform", "http://h", "--emoji", emoji)

    assert ended.code == 2
    assert "--emoji" in ended.err
    assert ended.err.count("\n") == 1


def test_emoji_that_the_server_accepts_are_sent(run: Run) -> None:
    class Few(Foreign):
        def read(self, body: bytes) -> str | None:
            emoji = super().read(body)
            return emoji if emoji in ("❤️", "👍") else None

    with served(as_app(Few())) as url:
        without = run("conform", url, "--group", "required")
        ended = run("conform", url, "--group", "required", "--emoji", "❤️, 👍")

    assert (without.code, ended.code) == (1, 0)
    assert "--emoji names others" in without.out


@pytest.mark.parametrize(("post", "get"), [(302, 403), (404, 404), (204, 403), (400, 200)])
def test_nothing_that_was_proven_is_no_success(run: Run, post: int, get: int) -> None:
    with served(as_app(no_openheart(post, get))) as url:
        ended = run("conform", url, "--group", "required")

    assert ended.code == 1
    assert "no case passed, so nothing shows that this is an OpenHeart server" in ended.err
    assert len(ended.out.splitlines()) < 10


def test_a_failure_outside_the_groups_that_count_is_only_printed(
    run: Run, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [case, *_] = load_vectors(["robustness"])
    [other, *_] = load_vectors(["required"])
    outcomes = [Outcome(other), Outcome(case, "broken", cause="broken")]
    monkeypatch.setattr(command, "run_vectors", lambda *_: outcomes)

    assert run("conform", server_url).code == 0
    assert run("conform", server_url, "--group", "robustness").code == 1


def test_nothing_that_listens_is_a_wrong_url(run: Run) -> None:
    ended = run("conform", "http://127.0.0.1:1/openheart")

    assert ended.code == 2
    assert "connecting failed" in ended.err


@contextmanager
def gone_after(requests: int) -> Iterator[str]:
    """The URL of a server that has no counts, and listens no more after some requests."""

    def answer() -> None:
        for _ in range(requests):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        listener.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_server_that_goes_leaves_a_table(run: Run) -> None:
    with gone_after(8) as url:
        ended = run("conform", url, "--target", "{target}")

    assert ended.code == 1
    assert "no answer (connecting failed: Connection refused)" in ended.out
    assert "not tried, because the server did not answer in 3 cases in a row" in ended.out
    assert len(ended.out.splitlines()) < 15
    assert ended.out.splitlines()[-1].startswith("extensions")


def test_what_is_left_is_said_and_listed(run: Run, server_url: str) -> None:
    ended = run("conform", f"{server_url}/openheart", "--group", "required", "--json")

    targets = json.loads(ended.out)["targets"]
    assert len(targets) > 10
    assert all(target.startswith("/conform-") for target in targets)
    assert "the cases left reactions on targets whose names contain conform-" in ended.err
    assert "--remove" in ended.err


def test_where_nothing_was_taken_nothing_is_left(run: Run) -> None:
    with served(as_app(no_openheart(404, 404))) as url:
        ended = run("conform", url, "--group", "required", "--json")

    assert "left reactions" not in ended.err
    assert json.loads(ended.out)["targets"] == []


def test_the_targets_are_removed_from_the_storage_that_is_configured(run: Run) -> None:
    app = testing.create_app(uri=f"sqlite:///{Path.cwd()}/openheart.db")
    with served(app) as url:
        run("react", "mine", "🥨")
        ended = run("conform", f"{url}/openheart", "--remove", "--json")
    app.extensions["openheart"].service.close()

    assert ended.code == 0
    assert "targets of the cases were removed from" in ended.err
    assert json.loads(ended.out)["targets"] == []
    assert run("top").out.split() == ["1", "mine", "🥨", "1"]


def test_a_storage_without_the_targets_stays_as_it_is(run: Run, server_url: str) -> None:
    run("react", "mine", "🥨")

    ended = run("conform", f"{server_url}/openheart", "--group", "required", "--remove")

    assert "openheart.db has none of the targets of the cases, so nothing was removed" in ended.err
    assert run("count", "mine").out == "🥨 1\n"


def test_a_storage_that_fails_does_not_cost_the_table(
    run: Run, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENHEART_URI", "sqlite:////nowhere/at/all.db")

    ended = run("conform", f"{server_url}/openheart", "--group", "required", "--remove")

    assert ended.code == 3
    assert "/nowhere/at/all.db does not exist" in ended.err
    assert ended.out.splitlines()[-1].split()[0] == "required"
