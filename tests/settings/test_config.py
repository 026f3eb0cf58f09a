from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from flask import Flask

from openheart import config as settings
from openheart.errors import ConfigError
from openheart.settings.config import Config, conf, load_config, unknown_variables
from openheart.settings.plugins import BACKENDS, BATTERIES
from openheart.system.text import escape_controls

SECRET = "hunter2"


def load(environ: Mapping[str, str] | None = None, **arguments: Any) -> Config:
    """The settings that a process with this environment would have."""
    with patch.dict(os.environ, environ or {}, clear=True):
        return load_config(**arguments)


def places(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Each place of a setting, in order of precedence: what writes PORT there."""
    (tmp_path / "f.toml").write_text("PORT = 4")
    return {
        "a command flag": {"flags": {"port": 1}},
        "the environment": {"environ": {"PORT": "2"}},
        ".env": {"dotenv": "PORT=3"},
        "f.toml": {"dotenv": "OPENHEART_CONFIG=f.toml"},
        "a keyword argument": {"keywords": {"port": 5}},
        "app.config": {"app_config": {"PORT": 6}},
        "the default": {},
    }


def test_the_first_place_of_the_documented_order_wins(tmp_path: Path) -> None:
    order = list(places(tmp_path).items())
    for first in range(len(order)):
        arguments: dict[str, Any] = {}
        dotenv = []
        for _, written in order[first:]:
            written = dict(written)
            dotenv.append(written.pop("dotenv", ""))
            arguments.update(written)
        (tmp_path / ".env").write_text("\n".join(dotenv))

        config = load(**arguments)

        expected = 5000 if order[first][0] == "the default" else first + 1
        assert (config.source(settings.PORT), config[settings.PORT]) == (order[first][0], expected)


def test_env_false_takes_nothing_from_the_environment_dotenv_and_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text("PORT = 4")
    (tmp_path / ".env").write_text("HOST=dotenv")

    config = load(env=False, environ={"PORT": "2", "OPENHEART_CONFIG": "f.toml"}, keywords={"name": "x"})

    assert (config[settings.PORT], config[settings.HOST], config[settings.NAME]) == (5000, "127.0.0.1", "x")


def test_the_process_environment_and_the_current_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("HOST=dotenv")
    monkeypatch.setenv("PORT", "81")

    config = load_config()

    assert (config[settings.PORT], config[settings.HOST]) == (81, "dotenv")


@pytest.mark.parametrize("keyword", ["uri", "URI", "openheart_uri", "OPENHEART_URI"])
def test_a_keyword_is_the_name_of_a_setting_in_any_case_and_without_openheart(keyword: str) -> None:
    assert load(keywords={keyword: "memory:"})[settings.OPENHEART_URI] == "memory:"


@pytest.mark.parametrize("keyword", ["foo_bar", "openheart_foo_bar"])
def test_a_keyword_of_a_setting_of_another_package_needs_no_openheart_either(keyword: str) -> None:
    option = settings.Option("OPENHEART_FOO_BAR", settings.casts.integer(0, 9), 1, "How much.")
    config = load(keywords={keyword: 5}, further=lambda _: [option])

    assert (config[option], config.source(option)) == (5, "a keyword argument")
    assert config.override({keyword: 6})[option] == 6


def test_a_keyword_of_none_counts_as_not_given() -> None:
    assert load(keywords={"port": None}).source(settings.PORT) == "the default"


@pytest.mark.parametrize(
    ("keyword", "nearest"),
    [("prot", "PORT"), ("open_heart_uri", "OPENHEART_URI"), ("orgins", "OPENHEART_ORIGINS")],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_name(keyword: str, nearest: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{keyword}=.*from a keyword argument.*the nearest is {nearest}$"
    ):
        load(keywords={keyword: SECRET})


def test_an_unknown_keyword_that_is_near_to_nothing_leads_to_the_list() -> None:
    with pytest.raises(ConfigError, match="`openheart config` lists them"):
        load(keywords={"zzz": 1})


def test_two_spellings_of_one_keyword_are_refused() -> None:
    with pytest.raises(ConfigError, match="openheart_uri is another spelling of it"):
        load(keywords={"uri": "memory:", "openheart_uri": "memory:"})


@pytest.mark.parametrize(
    ("key", "nearest"), [("PROT", "PORT"), ("port", "PORT"), ("OPENHEART_EMOJIS", "OPENHEART_EMOJI")]
)
def test_an_unknown_key_of_the_config_file_is_refused_with_the_nearest_name(
    key: str, nearest: str, tmp_path: Path
) -> None:
    (tmp_path / "f.toml").write_text(f'{key} = "x"')

    with pytest.raises(ConfigError, match=rf"^{key}=.*\(from f\.toml\).*the nearest is {nearest}$"):
        load(environ={"OPENHEART_CONFIG": "f.toml"})


def test_the_config_file_names_no_further_config_file(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text('OPENHEART_CONFIG = "g.toml"')

    with pytest.raises(ConfigError, match=r"OPENHEART_CONFIG=.*from f\.toml"):
        load(environ={"OPENHEART_CONFIG": "f.toml"})


def test_the_config_file_may_hold_variables_of_batteries_and_options_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text(
        'REDISTOGO_URL = "redis://h/0"\nOPENHEART_URI = "$REDISTOGO_URL"\nSERVER_BACKLOG = 64\n'
    )

    config = load(environ={"OPENHEART_CONFIG": "f.toml"})

    assert (config[settings.OPENHEART_URI], config.source(settings.OPENHEART_URI)) == (
        "redis://h/0",
        "f.toml",
    )
    assert config.server_options == {"backlog": "64"}


def test_what_flask_puts_into_app_config_itself_counts_as_unset() -> None:
    config = load(app_config=Flask("x").config)

    assert [setting for setting in config.items() if setting.source != "the default"] == []
    assert config.server_options == {}


def test_empty_text_in_the_environment_is_unset_but_for_lists(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOST=\nNAME=dotenv\n")

    config = load(environ={"PORT": "", "NAME": "", "OPENHEART_ORIGINS": "", "SERVER_BACKLOG": ""})

    assert (config[settings.PORT], config[settings.HOST], config[settings.NAME]) == (
        5000,
        "127.0.0.1",
        "dotenv",
    )
    assert (config[settings.OPENHEART_ORIGINS], config.source(settings.OPENHEART_ORIGINS)) == (
        [],
        "the environment",
    )
    assert config.server_options == {}


def test_empty_text_as_a_keyword_is_a_value() -> None:
    with pytest.raises(ConfigError, match=r"OPENHEART_URI='\*\*\*' \(from a keyword argument\)"):
        load(keywords={"uri": ""})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"environ": {"PORT": "http"}},
            "PORT='http' (from the environment) cannot be used: expected an integer from 0 to 65535",
        ),
        (
            {"keywords": {"max_body": "big"}},
            "OPENHEART_MAX_BODY='big' (from a keyword argument) cannot be used: expected a size of at least 1"
            " bytes such as 512, 64KB or 1MB (a KB is 1024 bytes)",
        ),
        (
            {"environ": {"OPENHEART_URI": "$MONGOHQ_URL"}},
            "OPENHEART_URI='$MONGOHQ_URL' (from the environment) cannot be used: expected MONGOHQ_URL to be"
            " set, because $MONGOHQ_URL stands for its value",
        ),
        (
            {"app_config": {"OPENHEART_ORIGINS": ["null"]}},
            "OPENHEART_ORIGINS=['null'] (from app.config) cannot be used: expected * alone, or a list of"
            " origins such as https://example.org (a scheme and a host that pages have, no path, not null)",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_place_and_what_is_expected(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(**arguments)

    assert str(refused.value) == message


def test_a_uri_may_name_a_variable_of_any_place(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDISTOGO_URL=redis://dotenv/0")

    config = load(keywords={"uri": "$REDISTOGO_URL"})

    assert config[settings.OPENHEART_URI] == "redis://dotenv/0"


def test_safe_refuses_an_unknown_variable_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENHEART_HOLDD=1")
    assert load()[settings.OPENHEART_HOLD] is False

    with pytest.raises(ConfigError, match=r"OPENHEART_HOLDD.*\(from \.env\).*the nearest is OPENHEART_HOLD$"):
        load(safe=True)


def test_variables_of_tests_and_of_others_are_fine_under_safe() -> None:
    load(
        environ={"OPENHEART_TEST_URI": "x", "FOO": "1", "_OPENHEART_COMPLETE": "x"},
        app_config={"FOO": 1},
        safe=True,
    )


def test_unknown_variables_are_listed_with_place_and_nearest_name() -> None:
    config = load(
        environ={"OPENHEART_PREFIX": "/", "openheart_uri": "memory:"}, app_config={"OPENHEART_ZZZZ": 1}
    )

    assert [(row.name, row.source, row.nearest) for row in unknown_variables(config)] == [
        ("OPENHEART_PREFIX", "the environment", "OPENHEART_URL_PREFIX"),
        ("openheart_uri", "the environment", "OPENHEART_URI"),
        ("OPENHEART_ZZZZ", "app.config", None),
    ]


class OfAnotherPackage:
    settings = (settings.Option("OPENHEART_FOO_BAR", settings.casts.integer(0, 9), 1, "How much."),)


class StorageOfAnotherPackage:
    settings: ClassVar = {"size": settings.Option("OPENHEART_FOO_SIZE", settings.casts.size(), 1, "How big.")}


def test_settings_of_packages_that_are_installed_are_known_whether_they_are_switched_on_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = {
        BATTERIES: [
            EntryPoint("foo", f"{__name__}:OfAnotherPackage", BATTERIES),
            EntryPoint("broken", "no_such_module_of_test:ROW", BATTERIES),
        ],
        BACKENDS: [EntryPoint("foo", f"{__name__}:StorageOfAnotherPackage", BACKENDS)],
    }
    monkeypatch.setattr("openheart.settings.plugins.entry_points", lambda group: points[group])

    config = load(
        environ={"OPENHEART_FOO_BAR": "1", "OPENHEART_FOO_SIZE": "1"}, app_config={"OPENHEART_FOO_BA": 1}
    )

    assert [(row.name, row.nearest) for row in unknown_variables(config)] == [
        ("OPENHEART_FOO_BA", "OPENHEART_FOO_BAR")
    ]


@pytest.mark.parametrize("place", ["environ", "app_config", "keywords", "dotenv", "toml"])
@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("file:/srv/x.db", "sqlite:////srv/x.db"),
        ("file:///srv/x.db", "sqlite:////srv/x.db"),
        ("file:x.db", "sqlite:///{cwd}/x.db"),
        ("file::memory:", "memory:"),
        ("file:x?mode=memory", "memory:"),
        ("redis://h/0", "redis://h/0"),
    ],
)
def test_the_uri_of_flask_openheart_is_taken_with_a_warning_that_names_ours(
    place: str, written: str, uri: str, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {}
    if place == "dotenv":
        (tmp_path / ".env").write_text(f"OPENHEART_DATABASE_URI={written}")
    elif place == "toml":
        (tmp_path / "f.toml").write_text(f'OPENHEART_DATABASE_URI = "{written}"')
        arguments = {"environ": {"OPENHEART_CONFIG": "f.toml"}}
    else:
        name = "database_uri" if place == "keywords" else "OPENHEART_DATABASE_URI"
        arguments = {place: {name: written}}

    with pytest.warns(
        DeprecationWarning, match="OPENHEART_DATABASE_URI .*deprecated: set OPENHEART_URI"
    ) as given:
        config = load(**arguments, safe=True)

    assert config[settings.OPENHEART_URI] == uri.format(cwd=tmp_path)
    assert [warning.filename for warning in given] == [__file__]


def test_the_own_name_goes_before_that_of_flask_openheart_in_one_place_and_a_place_before_another() -> None:
    with pytest.warns(DeprecationWarning, match="OPENHEART_DATABASE_URI"):
        config = load(
            environ={"OPENHEART_DATABASE_URI": "memory:"},
            app_config={"OPENHEART_DATABASE_URI": "redis://h/1", "OPENHEART_URI": "redis://h/2"},
        )
    assert (config[settings.OPENHEART_URI], config.source(settings.OPENHEART_URI)) == (
        "memory:",
        "the environment",
    )
    with pytest.warns(DeprecationWarning, match="OPENHEART_DATABASE_URI"):
        config = load(app_config={"OPENHEART_DATABASE_URI": "redis://h/1", "OPENHEART_URI": "redis://h/2"})
    assert config[settings.OPENHEART_URI] == "redis://h/2"


def test_debug_means_level_debug_and_warns_with_the_name_of_level() -> None:
    with pytest.warns(DeprecationWarning, match="set LEVEL=DEBUG instead"):
        config = load(environ={"DEBUG": "1"})

    assert (config[settings.LEVEL], config.source(settings.LEVEL)) == ("DEBUG", "DEBUG in the environment")


def test_a_level_goes_before_debug() -> None:
    with pytest.warns(DeprecationWarning, match="LEVEL"):
        config = load(environ={"DEBUG": "1"}, keywords={"level": "error"})

    assert config[settings.LEVEL] == "ERROR"


def test_debug_of_a_flask_app_means_level_debug_and_does_not_warn() -> None:
    app = Flask("x")
    app.debug = True

    assert load(app_config=app.config)[settings.LEVEL] == "DEBUG"


def test_further_server_variables_are_options_of_the_server_but_not_those_that_web_servers_export() -> None:
    config = load(
        environ={
            "SERVER_BACKLOG": "64",
            "SERVER_THREADS": "2",
            "SERVER_SOFTWARE": "gunicorn",
            "SERVER_NAME": "x",
        },
        keywords={"server_backlog": "32", "server_channel_timeout": 5},
    )

    assert config.server_options == {"backlog": "64", "channel_timeout": "5"}


def test_flags_of_run_go_before_everything_else() -> None:
    config = load(environ={"PORT": "81", "HOST": "h"})

    overridden = config.override({"port": 82, "host": None})

    assert (overridden[settings.PORT], overridden.source(settings.PORT)) == (82, "a command flag")
    assert (overridden[settings.HOST], config[settings.PORT]) == ("h", 81)


def test_two_configs_share_no_state() -> None:
    origins = ["https://a.example"]
    first, second = load(keywords={"origins": origins}), load()

    first[settings.OPENHEART_ORIGINS].append("x")
    second[settings.OPENHEART_EMOJI].append("x")
    second[settings.OPENHEART_ORIGINS].append("x")
    origins.append("https://b.example")

    assert first[settings.OPENHEART_ORIGINS] == ["https://a.example"]
    assert (second[settings.OPENHEART_EMOJI], load()[settings.OPENHEART_ORIGINS]) == ([], ["*"])


def test_a_later_change_of_a_source_does_not_reach_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOO", "1")
    app_config: dict[str, Any] = {"BAR": "1"}
    config = load_config(app_config=app_config)

    monkeypatch.setenv("FOO", "2")
    app_config["BAR"] = "2"

    assert (config.variable("FOO"), config.variable("BAR")) == (("1", "the environment"), ("1", "app.config"))


def test_a_config_cannot_be_changed() -> None:
    config = load()

    with pytest.raises(TypeError):
        config[settings.PORT] = 1  # type: ignore[index]


def test_items_are_all_settings_in_the_order_of_the_table() -> None:
    rows = list(load(environ={"SERVER_GRACE": "90s"}).items())

    assert [row.option for row in rows] == list(settings.known_options())
    grace = next(row for row in rows if row.option is settings.SERVER_GRACE)
    assert (grace.value, grace.text, grace.source) == (90.0, "90s", "the environment")


@pytest.mark.parametrize("option", settings.known_options(), ids=lambda option: option.name)
def test_every_default_can_be_written_as_it_is_shown(option: settings.Option[Any]) -> None:
    if option.default is not None and option.default != []:
        assert option.cast(option.show(option.default)) == option.default
    assert getattr(settings, option.name) is option


def test_the_settings_that_hold_a_secret_are_marked() -> None:
    names = {option.name for option in settings.known_options()}

    secret = {option.name for option in settings.known_options() if option.secret}

    assert secret == {name for name in names if name.endswith(("_SECRET", "_PASSWORD", "SECRET_KEY"))}


def test_a_setting_has_what_the_reference_page_shows() -> None:
    port = settings.PORT

    assert (port.name, port.cast.description) == ("PORT", "an integer from 0 to 65535")
    assert (port.show(port.default), port.secret, port.group) == ("5000", False, "server")


# conf


def test_conf_takes_the_environment_before_dotenv_before_the_config_file_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("A=dotenv\nB=dotenv\nOPENHEART_CONFIG=f.toml\n")
    (tmp_path / "f.toml").write_text('A = "file"\nB = "file"\nC = "file"\n')
    monkeypatch.setenv("A", "environment")

    assert [conf(name, "default") for name in "ABCD"] == ["environment", "dotenv", "file", "default"]
    assert conf("D") is None


@pytest.mark.parametrize(
    ("written", "cast", "value"),
    [("5", int, 5), ("off", bool, False), ("a, b", list, ["a", "b"]), ("1.5", float, 1.5), ("x", None, "x")],
)
def test_conf_casts(written: str, cast: Any, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOO", written)

    assert conf("FOO", cast=cast) == value


def test_conf_casts_a_default_but_for_none() -> None:
    assert conf("FOO", "5", int) == 5
    assert conf("FOO", None, int) is None


def test_conf_says_what_it_expected_and_hides_what_looks_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOO", "five")
    monkeypatch.setenv("MY_TOKEN", SECRET)

    with pytest.raises(
        ConfigError, match=r"^FOO='five' \(from the environment\) cannot be used: expected what int takes$"
    ):
        conf("FOO", cast=int)
    with pytest.raises(ConfigError) as refused:
        conf("MY_TOKEN", cast=int)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_conf_of_an_app_sees_its_keywords_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(keywords={"port": 81}, app_config={"MAX_POSTS": 3})
    monkeypatch.setenv("FOO", "later")

    assert conf("PORT", 1, config=config) == 81
    assert conf("MAX_POSTS", 1, config=config) == 3
    assert conf("FOO", config=config) == "later"


def test_conf_of_an_app_that_takes_nothing_from_the_environment_takes_nothing_from_it_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOO", "1")

    assert conf("FOO", config=load(env=False)) is None


# secrets

SECRETS: list[Mapping[str, Any]] = [
    {"environ": {"SECRET_KEY": SECRET}},
    {"app_config": {"SECRET_KEY": 5, "X": SECRET}},
    {"keywords": {"secret_key": [SECRET]}},
    {"environ": {"OPENHEART_URI": f"redis://u:{SECRET}@h/0"}},
    {"environ": {"OPENHEART_URI": f"redis://h/0?password={SECRET}"}},
    {"environ": {"OPENHEART_URI": SECRET}},
    {"environ": {"OPENHEART_URI": f"u:{SECRET}@\nh"}},
    {"keywords": {"uri": [f"redis://u:{SECRET}@h/0"]}},
    {"keywords": {"uri": f"redis://u:{SECRET}@h/0".encode()}},
    {"environ": {"OPENHEART_URI": "$REDISTOGO_URL", "REDISTOGO_URL": SECRET}},
    {"environ": {"OPENHEART_URI": "$REDISTOGO_URL", "REDISTOGO_URL": f"redis://:{SECRET}@h"}},
    {"environ": {"OPENHEART_ORIGINS": f"https://u:{SECRET}@h"}},
    {"app_config": {"OPENHEART_ORIGINS": [f"https://u:{SECRET}@h"]}},
    {"keywords": {"port": f"redis://u:{SECRET}@h"}},
    {"keywords": {"sekret_key": SECRET}},
    {"keywords": {"uri": SECRET, "openheart_uri": SECRET}},
    {"environ": {"OPENHEART_SECRET": SECRET}, "safe": True},
    {"environ": {"FOO": SECRET, "SERVER_KEY": SECRET, "PORT": "81"}},
]


@pytest.mark.parametrize("arguments", SECRETS)
def test_no_secret_is_in_an_error_a_repr_or_a_log(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    try:
        config = load(**arguments)
    except ConfigError as error:
        logging.getLogger("openheart").exception("%r", error)
        shown = ["".join(traceback.format_exception(error)), repr(error), repr(vars(error)), repr(error.args)]
        shown.append(repr(error.__context__ or error.__cause__))
    else:
        logging.getLogger("openheart").info("%s %r", config, list(config.items()))
        shown = [repr(config), str(config), *(setting.text for setting in config.items())]

    assert SECRET not in escape_controls("".join([*shown, caplog.text]))
