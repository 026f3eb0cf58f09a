from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.settings import casts, net_casts
from openheart.settings.casts import Cast
from openheart.system.masks import mask_uri, mask_uris

PORT = casts.integer(0, 65535)


@pytest.mark.parametrize(
    ("cast", "written", "value"),
    [
        (PORT, "5000", 5000),
        (PORT, " 0 ", 0),
        (PORT, "+80", 80),
        (PORT, 65535, 65535),
        (casts.boolean(), "1", True),
        (casts.boolean(), "TRUE", True),
        (casts.boolean(), " yes", True),
        (casts.boolean(), "On", True),
        (casts.boolean(), True, True),
        (casts.boolean(), 1, True),
        (casts.boolean(), "0", False),
        (casts.boolean(), "False", False),
        (casts.boolean(), "no", False),
        (casts.boolean(), "off", False),
        (casts.boolean(), 0, False),
        (casts.text(), " My blog ", "My blog"),
        (casts.word(), "blog-2.eu_1", "blog-2.eu_1"),
        (casts.word(), "größe", "größe"),
        (casts.text_list(), "🥨, ❤️\t👍", ["🥨", "❤️", "👍"]),
        (casts.text_list(), "", []),
        (casts.text_list(), " , ,", []),
        (casts.text_list(), ("a", " b ", ""), ["a", "b"]),
        (casts.parameter_list(), "p, ids[] p", ["p", "ids[]"]),
        (casts.parameter_list(), "", []),
        (casts.duration(), "30s", 30.0),
        (casts.duration(), "5m", 300.0),
        (casts.duration(), "2h", 7200.0),
        (casts.duration(), "1d", 86400.0),
        (casts.duration(), "250ms", 0.25),
        (casts.duration(), "1.5 H", 5400.0),
        (casts.duration(), "12", 12.0),
        (casts.duration(), 12, 12.0),
        (casts.duration(), timedelta(minutes=1), 60.0),
        (casts.size(), "512", 512),
        (casts.size(), "64KB", 65536),
        (casts.size(), "16KiB", 16384),
        (casts.size(), "1.5 mb", 1572864),
        (casts.size(), "1G", 1073741824),
        (casts.size(), "7B", 7),
        (casts.size(), 16384, 16384),
        (casts.uri(), "memory:", "memory:"),
        (casts.uri(), " sqlite:////var/my folder/x.db ", "sqlite:////var/my folder/x.db"),
        (casts.uri(), "valkey+sentinel://a:1,b:2/main", "valkey+sentinel://a:1,b:2/main"),
        (casts.choice("FULL", "NORMAL"), "normal", "NORMAL"),
        (casts.url_prefix(), "/", "/"),
        (casts.url_prefix(), "/a/b-c", "/a/b-c"),
        (casts.url_prefix(), "/herzen/größe", "/herzen/größe"),
        (casts.level(), "debug", "DEBUG"),
        (casts.level(), "warn", "WARNING"),
        (casts.level(), "FATAL", "CRITICAL"),
        (casts.level(), 20, "INFO"),
        (casts.level(), "40", "ERROR"),
        (casts.level(), "15", "15"),
        (net_casts.origin_list(), "*", ["*"]),
        (net_casts.origin_list(), "", []),
        (net_casts.origin_list(), "HTTPS://Example.ORG:443", ["https://example.org"]),
        (net_casts.origin_list(), "http://a.example:80,http://a.example", ["http://a.example"]),
        (net_casts.origin_list(), "https://a.example:80", ["https://a.example:80"]),
        (net_casts.origin_list(), ["http://localhost:08080", "http://[::1]:3000"], None),
        (net_casts.origin_list(), "moz-extension://ab-cd", ["moz-extension://ab-cd"]),
        (net_casts.origin_list(), "https://München.example", ["https://xn--mnchen-3ya.example"]),
        (net_casts.origin_list(), "http://[0:0::1]:80", ["http://[::1]"]),
        (net_casts.network_list(), "LOOPBACK, 10.0.0.0/8,::1 10.0.0.0/8", ["loopback", "10.0.0.0/8", "::1"]),
        (net_casts.host_list(), "A.example .b.example [::1]", ["a.example", ".b.example", "[::1]"]),
        (
            net_casts.host_list(),
            "München.example, A.example,a.example",
            ["xn--mnchen-3ya.example", "a.example"],
        ),
        (casts.secret_text(), " kept as it is ", " kept as it is "),
        (casts.secret_text(), b"\x00", b"\x00"),
    ],
)
def test_what_is_written_becomes_a_value(cast: Cast[Any], written: object, value: object) -> None:
    expected = ["http://localhost:8080", "http://[::1]:3000"] if value is None else value

    result = cast(written)

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("cast", "written"),
    [
        *(
            (PORT, each)
            for each in ("", "-1", "65536", "5000.0", "5_000", "٥", True, 5.0, None, [5], "9" * 5000)
        ),
        *((casts.boolean(), each) for each in ("", "2", "ja", 2, 1.0, None)),
        *((casts.text(), each) for each in ("", "  ", "a\nb", "a\x85b", 5, None)),
        *((casts.word(), each) for each in ("", "../x", "a/b", ".hidden", "a b", "x" * 65)),
        *((casts.text_list(), each) for each in (5, None, [1], {"a": 1})),
        *(
            (casts.duration(), each)
            for each in ("", "-1", "1w", "1e3", "inf", "nan", True, None, -1, float("inf"))
        ),
        *((casts.parameter_list(), each) for each in ("p=1", "?p", "p&q", "ids%5B%5D", "ü", "p" * 65, 5)),
        (casts.duration(1.0), "500ms"),
        *((casts.size(), each) for each in ("", "0", "-1", "64KX", "1.5", 0, -1, 1.5, True, None)[:4]),
        *((casts.size(), each) for each in (0, -1, 1.5, True, None, "9" * 400)),
        *((casts.uri(), each) for each in ("", "openheart.db", "C:\\x.db", "a b:", "x\n:y", "://h", 5, None)),
        *((casts.choice("keep", "fold"), each) for each in ("", "kept", None, 1)),
        *((casts.url_prefix(), each) for each in ("", "openheart", "/a/", "//", "/a//b", "/a/../b", "/<x>")),
        *((casts.url_prefix(), each) for each in ("/a?b", "/a#b", "/a%20b", "/a b", "/a\\b", "/a\nb", None)),
        *((casts.level(), each) for each in ("", "LOUD", "0", "101", 0, -5, True, None, 10.0)),
        *(
            (net_casts.origin_list(), each)
            for each in ("null", "example.org", "https://a.example/", "*,https://a.example")
        ),
        *(
            (net_casts.origin_list(), each)
            for each in ("https://*.a.example", "https://ä／.example", "https://a:70000", "https://a:0")
        ),
        *(
            (net_casts.origin_list(), each)
            for each in ("https://u:p@a.example", "https://", "https://a.example/x", 5)
        ),
        # No browser sends these, so they could never match.
        *(
            (net_casts.origin_list(), each)
            for each in ("file://a", "ftp://a.example", "ws://a.example", "data://a", "https://a..example")
        ),
        *((net_casts.origin_list(), each) for each in ("http://127.1", "http://a.256", "http://[::1%25lo]")),
        *((net_casts.network_list(), each) for each in ("10.0.0.1/8", "proxy.example", "localhost", 10)),
        *(
            (net_casts.host_list(), each)
            for each in (
                "https://a.example",
                "a.example:80",
                "*.a.example",
                "a/b",
                "a.example.",
                "[::1]:80",
                5,
            )
        ),
        *((casts.secret_text(), each) for each in ("", b"", 5, None)),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_is_expected(cast: Cast[Any], written: object) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared below
        cast(written)

    assert str(refused.value) == cast.description


def test_a_refusal_carries_nothing_of_the_value() -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        PORT("hunter2")

    assert "hunter2" not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@given(st.text())
def test_any_text_is_a_value_or_a_refusal_and_nothing_else(written: str) -> None:
    for cast in (
        PORT,
        casts.boolean(),
        casts.duration(),
        casts.size(),
        casts.uri(),
        net_casts.origin_list(),
        casts.level(),
    ):
        try:
            shown = cast.show(cast(written))
        except ValueError as error:
            shown = str(error)
        assert shown


@given(st.floats(min_value=0, max_value=1e6))
def test_a_duration_is_shown_so_that_it_can_be_written_like_that(seconds: float) -> None:
    cast = casts.duration()
    rounded = round(seconds, 3)

    assert cast(cast.show(rounded)) == pytest.approx(rounded, rel=1e-5)


@given(st.integers(1, 2**45))
def test_a_size_is_shown_so_that_it_can_be_written_like_that(size: int) -> None:
    cast = casts.size()

    assert cast(cast.show(size)) == size


@pytest.mark.parametrize("written", ["$REDISTOGO_URL", "${REDISTOGO_URL}", " $REDISTOGO_URL "])
def test_a_uri_may_name_another_variable(written: str) -> None:
    assert casts.uri()(written, {"REDISTOGO_URL": "redis://h/0"}) == "redis://h/0"


@pytest.mark.parametrize("variables", [{}, {"REDISTOGO_URL": ""}, None])
def test_a_variable_that_is_named_and_unset_is_asked_for(variables: dict[str, str] | None) -> None:
    with pytest.raises(
        ValueError, match=r"^REDISTOGO_URL to be set, because \$REDISTOGO_URL stands for its value$"
    ):
        casts.uri()("$REDISTOGO_URL", variables)


def test_a_variable_that_is_named_and_holds_no_uri_is_named_in_the_refusal() -> None:
    with pytest.raises(ValueError, match=r"^REDISTOGO_URL to hold a URI with a scheme"):
        casts.uri()("$REDISTOGO_URL", {"REDISTOGO_URL": "hunter2"})


def test_a_name_in_other_casts_is_text() -> None:
    assert casts.secret_text()("$HOME", {"HOME": "/root"}) == "$HOME"


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("memory:", "memory:"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("sqlite:////home/me@work/x.db", "sqlite:////home/me@work/x.db"),
        ("valkey://h:6379/0", "valkey://h:6379/0"),
        ("valkey://u:hunter2@h/0", "valkey://u:***@h/0"),
        ("redis://:hunter2@h/0", "redis://:***@h/0"),
        ("redis://hunter2@h", "redis://***@h"),
        ("redis://u:hun@ter2@h", "redis://u:***@h"),
        ("redis://u:hun/t#e?r2@h/0", "redis://u:***@h/0"),
        (
            "mongodb://u:hunter2@a:1,b:2/x?authSource=admin&w=1",
            "mongodb://u:***@a:1,b:2/x?authSource=***&w=1",
        ),
        ("valkey://h/0?password=hunter2@x", "valkey://h/0?password=***"),
        ("valkey://h/0?db=1&access_TOKEN=hunter2#f", "valkey://h/0?db=1&access_TOKEN=***#f"),
        ("redis:/u:hunter2@h", "redis:/u:***@h"),
        ("hunter2", "***"),
        ("u:hunter2@h", "***"),
        ("$REDISTOGO_URL", "$REDISTOGO_URL"),
    ],
)
def test_a_uri_is_shown_without_its_secrets(uri: str, masked: str) -> None:
    assert mask_uri(uri) == masked


@given(st.text(min_size=1).filter(lambda text: "@" not in text))
def test_no_password_survives_the_mask(password: str) -> None:
    assert f"\u2764{password}\u2764" not in mask_uri(f"redis://u:\u2764{password}\u2764@h/0")


def test_uris_inside_other_values_are_masked_too() -> None:
    assert mask_uris(["see https://u:hunter2@h/x", 5, b"hunter2"]) == ["see https://u:***@h/x", 5, "a bytes"]
