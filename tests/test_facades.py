"""The modules of batteries that applications import, such as openheart.amqp, and the aliases of names."""

from __future__ import annotations

import importlib
import re

import pytest

import openheart
from openheart.batteries.registry import own_rows
from openheart.extension import controller

from .child import run_child
from .facades import FACADES

DRIVERS = {row.library for row in own_rows() if row.library} | {"babel", "botocore", "requests", "smtplib"}


def loaded_by(code: str) -> set[str]:
    return set(run_child(f"import sys; {code}; print(*sys.modules)").split())


def test_importing_openheart_imports_no_driver_no_module_of_a_battery_and_of_its_code_the_row_alone() -> None:
    loaded = loaded_by("import openheart")

    assert loaded.isdisjoint(DRIVERS)
    assert loaded.isdisjoint({f"openheart.{name}" for name in FACADES})
    inside = {name for name in loaded if re.fullmatch(r"openheart\.batteries\.\w+\..+", name)}
    assert {name for name in inside if not name.endswith(".row")} == set()


@pytest.mark.parametrize("name", FACADES)
def test_importing_a_module_of_a_battery_imports_no_driver(name: str) -> None:
    loaded = loaded_by(f"from openheart.{name} import *")

    assert f"openheart.{name}" in loaded
    assert loaded.isdisjoint(DRIVERS)
    assert loaded.isdisjoint({f"openheart.{other}" for other in FACADES} - {f"openheart.{name}"})


def test_after_import_openheart_alone_each_of_them_is_there() -> None:
    used = "; ".join(f"print(openheart.{name}.__name__)" for name in FACADES)

    assert run_child(f"import openheart; {used}").split() == [f"openheart.{name}" for name in FACADES]


@pytest.mark.parametrize("name", FACADES)
def test_what_a_module_makes_public_is_there_and_nothing_else_is_imported_with_it(name: str) -> None:
    module = importlib.import_module(f"openheart.{name}")

    public = {key for key, value in vars(module).items() if not key.startswith("_") and key != "annotations"}
    assert public == {*module.__all__}


def test_connections_and_clients_are_called_alike_everywhere() -> None:
    makers = {
        name: [made for made in ("get_connection", "get_client") if hasattr(getattr(openheart, name), made)]
        for name in FACADES
    }

    assert {name: made for name, made in makers.items() if made} == {
        "amazon": ["get_client"],
        "amqp": ["get_connection"],
        "mongodb": ["get_connection"],
        "pusher": ["get_client"],
        "valkey": ["get_connection"],
    }


# Written out, so that a type checker looks at each of them too.
ALIASES: dict[str, tuple[object, object]] = {
    "ApiException": (openheart.ApiException, openheart.ApiError),
    "OpenHeartController": (openheart.OpenHeartController, controller.OpenHeartController),
    "OpenHeartRequestController": (openheart.OpenHeartRequestController, openheart.Page),
    "clear_amazon_bucket": (openheart.clear_amazon_bucket, openheart.amazon.clear_amazon_bucket),
    "delete_amazon_key": (openheart.delete_amazon_key, openheart.amazon.delete_amazon_key),
    "exists_amazon_key": (openheart.exists_amazon_key, openheart.amazon.exists_amazon_key),
    "get_amazon": (openheart.get_amazon, openheart.amazon.get_client),
    "get_amazon_bucket": (openheart.get_amazon_bucket, openheart.amazon.get_amazon_bucket),
    "get_amazon_key": (openheart.get_amazon_key, openheart.amazon.get_amazon_key),
    "get_amqp": (openheart.get_amqp, openheart.amqp.get_connection),
    "get_locale": (openheart.get_locale, openheart.locales.get_locale),
    "get_mongo": (openheart.get_mongo, openheart.mongodb.get_connection),
    "get_mongo_db": (openheart.get_mongo_db, openheart.mongodb.get_db),
    "get_pusher": (openheart.get_pusher, openheart.pusher.get_client),
    "get_redis": (openheart.get_redis, openheart.valkey.get_connection),
    "run_back": (openheart.run_back, openheart.run_background),
    "send_mail_a": (openheart.send_mail_a, openheart.mail.send_mail_a),
}


@pytest.mark.parametrize("name", sorted(openheart._ALIASES))
def test_an_alias_is_the_same_object_and_is_not_offered_beside_it(name: str) -> None:
    alias, known = ALIASES[name]

    assert alias is known
    assert name not in openheart.__all__
