"""OPENHEART_PROXIES: the address and the scheme of a visitor behind proxies."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

import openheart
from openheart import OpenHeart
from openheart.errors import ConfigError

PROXY, OTHER, VISITOR = "10.0.0.1", "10.0.0.2", "192.0.2.7"
WARNING = "A request says that it came through a proxy, and OPENHEART_PROXIES"


def make_app(**settings: Any) -> Flask:
    app = Flask("behind")
    OpenHeart(app, env=False, uri="memory:", **settings)
    app.add_url_rule("/seen", "seen", lambda: f"{request.remote_addr} {request.scheme}")
    return app


def seen(app: Flask, peer: str | None, headers: dict[str, str]) -> str:
    base = {} if peer is None else {"REMOTE_ADDR": peer}
    return app.test_client().get("/seen", environ_base=base, headers=headers).text


def chain(*addresses: str, **others: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(addresses), **others}


HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (chain(VISITOR), f"{VISITOR} http"),
        (chain(VISITOR, **HTTPS), f"{VISITOR} https"),
        (HTTPS, f"{PROXY} https"),
        ({"X-Forwarded-Proto": "gopher"}, f"{PROXY} http"),
        # What the visitor wrote is before what the first proxy wrote.
        (chain("127.0.0.1", VISITOR), f"{VISITOR} http"),
        (chain("203.0.113.9", VISITOR, OTHER), f"{VISITOR} http"),
        (
            chain("203.0.113.9", VISITOR, OTHER, **{"X-Forwarded-Proto": "ftp, https, http"}),
            f"{VISITOR} https",
        ),
        (
            chain("203.0.113.9", VISITOR, **{"X-Forwarded-Proto": "http, https, https, http"}),
            f"{VISITOR} http",
        ),
        (chain(OTHER, PROXY), f"{OTHER} http"),
        # A proxy that does not say who, and forms of addresses that some proxies write.
        (chain(VISITOR, "unknown"), f"{PROXY} http"),
        (chain("", "  "), f"{PROXY} http"),
        (chain(f"{VISITOR}:4711"), f"{VISITOR} http"),
        (chain("[2001:db8::7]:4711"), "2001:db8::7 http"),
        (chain("::ffff:192.0.2.7"), f"{VISITOR} http"),
        # The other header is not the one that was chosen.
        ({"Forwarded": f"for={VISITOR};proto=https"}, f"{PROXY} http"),
    ],
)
def test_x_forwarded_headers_of_a_trusted_proxy_are_followed(headers: dict[str, str], expected: str) -> None:
    assert seen(make_app(proxies=[PROXY, OTHER]), PROXY, headers) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"for={VISITOR};proto=https", f"{VISITOR} https"),
        (f'For="[2001:db8::7]:4711";Proto=HTTPS;by={PROXY}', "2001:db8::7 https"),
        (f"for=203.0.113.9;proto=ftp, for={VISITOR};proto=https, for={OTHER};proto=http", f"{VISITOR} https"),
        (f"for={VISITOR}, for=_hidden;proto=https", f"{PROXY} https"),
        ("nonsense", f"{PROXY} http"),
    ],
)
def test_forwarded_is_followed_where_it_is_chosen(value: str, expected: str) -> None:
    app = make_app(proxies=[PROXY, OTHER], proxy_headers="forwarded")
    assert seen(app, PROXY, {"Forwarded": value, **chain("203.0.113.1", **HTTPS)}) == expected


@pytest.mark.parametrize("proxies", [[], ["loopback", "2001:db8::/32"]])
def test_what_others_write_changes_nothing(proxies: list[str]) -> None:
    headers = chain("127.0.0.1", **HTTPS) | {"Forwarded": "for=127.0.0.1;proto=https"}
    assert seen(make_app(proxies=proxies), VISITOR, headers) == f"{VISITOR} http"


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ("loopback", "127.0.0.3"),
        ("loopback", "::1"),
        ("loopback", "::ffff:127.0.0.1"),
        ("loopback", ""),  # a Unix socket
        ("loopback", "localhost"),  # as waitress has it for a Unix socket
        ("private", "172.20.1.1"),
        ("private", "fd00::1"),
        ("loopback,10.0.0.0/8", PROXY),
    ],
)
def test_networks_have_names(proxies: str, peer: str) -> None:
    assert seen(make_app(proxies=proxies), peer, chain(VISITOR)) == f"{VISITOR} http"


def test_an_app_that_load_builds_obeys_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_PROXIES", PROXY)
    app = openheart.load(name="built", uri="memory:")
    app.add_url_rule("/seen", "seen", lambda: f"{request.remote_addr} {request.scheme}")

    assert seen(app, PROXY, chain(VISITOR, **HTTPS)) == f"{VISITOR} https"


def test_what_is_no_network_is_refused_at_start() -> None:
    with pytest.raises(
        ConfigError, match=r"OPENHEART_PROXIES=.*10\.0\.0\.0/8; loopback and private name some"
    ):
        make_app(proxies="proxy.example")


@pytest.mark.parametrize(
    ("proxies", "reason"), [("", "is unset. If"), ("loopback", "does not name its address. If")]
)
def test_a_proxy_that_is_not_named_is_reported_once(
    proxies: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_app(proxies=proxies).test_client()
    for _ in range(3):
        client.post("/openheart/a", data="🥨", headers=chain(VISITOR), environ_base={"REMOTE_ADDR": PROXY})

    (message,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert message.startswith(f"{WARNING} {reason}")
    assert VISITOR not in message
    assert PROXY not in message


def test_a_proxy_that_the_app_or_its_server_knows_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app()
    app.test_client().post(
        "/openheart/a", data="🥨", headers=chain(VISITOR), environ_base={"REMOTE_ADDR": VISITOR}
    )
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    app.test_client().post("/openheart/a", data="🥨", headers=chain("203.0.113.9"))
    named = make_app(proxies=PROXY).test_client()
    named.post("/openheart/a", data="🥨", headers=chain(VISITOR), environ_base={"REMOTE_ADDR": PROXY})
    named.post("/openheart/a", data="🥨")

    assert WARNING not in caplog.text
