from __future__ import annotations

import pytest

from openheart.errors import ConfigError
from openheart.settings.config import OPENHEART_URI
from openheart.storage import get_backend
from openheart.storage.uri import known_schemes
from openheart.storage.valkey.backend import ValkeyBackend
from openheart.storage.valkey.uri import Place, read_uri

from ...child import run_child

SECRET = "hunter2"

WITHOUT_DRIVER = """
import sys
sys.modules["valkey"] = None
from openheart.errors import ConfigError
from openheart.storage import get_backend
try:
    get_backend("valkey://localhost")
except ConfigError as error:
    print(type(error).__name__, error)
"""


def read(uri: str) -> Place:
    return read_uri(uri, "the URI given")


def test_one_server_has_a_port_a_database_a_user_and_a_password() -> None:
    place = read("valkey://me:p%40ss%2Fword@example.com:7000/3")
    assert (place.kind, place.addresses) == ("server", (("example.com", 7000),))
    assert place.connection == {"db": 3, "username": "me", "password": "p@ss/word"}


def test_what_is_left_out_is_usual() -> None:
    assert read("redis://").addresses == (("localhost", 6379),)
    assert read("redis://:secret@host").connection == {"db": 0, "username": None, "password": "secret"}
    assert read("valkey+sentinel://host/service").addresses == (("host", 26379),)
    assert read("valkey://[::1]:7000").addresses == (("::1", 7000),)
    assert read("valkey://[::1]").addresses == (("::1", 6379),)


def test_a_unix_socket_has_a_path_and_no_host() -> None:
    place = read("valkey+unix://me:secret@/run/val%20key.sock?db=2")
    assert (place.kind, place.addresses) == ("server", (("/run/val key.sock", -1),))
    assert place.connection == {"db": 2, "username": "me", "password": "secret"}
    assert read("valkey+unix:///run/valkey.sock").connection == {"db": 0}


def test_a_cluster_names_some_of_its_nodes() -> None:
    place = read("valkey+cluster://me:secret@a:7000,b,[::1]:7002")
    assert (place.kind, place.addresses) == ("cluster", (("a", 7000), ("b", 6379), ("::1", 7002)))


def test_sentinels_have_a_service_and_may_have_a_user_of_their_own() -> None:
    place = read("valkeys+sentinel://me:secret@a:1,b:2/hearts?db=4&sentinel_username=s&sentinel_password=t")
    assert (place.kind, place.service, place.addresses) == ("sentinel", "hearts", (("a", 1), ("b", 2)))
    assert place.connection["db"] == 4
    assert place.sentinel == {"username": "s", "password": "t", "ssl": True, "ssl_check_hostname": True}


def test_tls_checks_the_certificate_and_its_name_unless_it_is_told_not_to() -> None:
    assert read("valkeys://host").connection == {"db": 0, "ssl": True, "ssl_check_hostname": True}
    trusting = read("rediss://host?ssl_cert_reqs=none").connection
    assert (trusting["ssl_cert_reqs"], trusting["ssl_check_hostname"]) == ("none", False)
    own = read("valkeys+cluster://host?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false").connection
    assert (own["ssl_ca_certs"], own["ssl_check_hostname"]) == ("/etc/ca.pem", False)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"valkey://u:{SECRET}@host/nodatabase", "number of the database"),
        (f"valkey://u:{SECRET}@host:port", "valkey://user:password@host:6379/0"),
        (f"valkey://u:{SECRET}@host:70000", "valkey://user:password@host:6379/0"),
        (f"valkey://u:{SECRET}@a,b", "for several hosts valkey\\+cluster://"),
        (f"valkey://u:{SECRET}#@host", "any # in it written %23"),
        (f"valkey://u:{SECRET}@host?timeout=3", "only these options after the \\?: db"),
        (f"valkey://u:{SECRET}@host?ssl_cert_reqs=none", "only these options after the \\?: db"),
        (f"valkeys://u:{SECRET}@host?ssl_cert_reqs=maybe", "a valid value for ssl_cert_reqs"),
        (f"valkey://u:{SECRET}@host?db=x", "a valid value for db"),
        (f"valkey+unix://u:{SECRET}@host/path", "valkey\\+unix://user:password@/path"),
        (f"valkey+unix://u:{SECRET}@", "valkey\\+unix://user:password@/path"),
        (f"valkey+cluster://u:{SECRET}@a,b/0", "a cluster has one database"),
        (f"valkey+cluster://u:{SECRET}@a,b?db=1", "a cluster has one database"),
        (f"valkey+cluster://u:{SECRET}@a,,b/x y", "a cluster has one database"),
        (f"valkey+sentinel://u:{SECRET}@a,b", "the sentinels' name for the server"),
        (f"valkey+sentinel://u:{SECRET}@a/b/c", "the sentinels' name for the server"),
        (f"valkey+sentinel://u:{SECRET}@a b/c", "valkey\\+sentinel://user"),
    ],
)
def test_a_uri_that_names_no_server_shows_the_form_that_is_right_and_no_password(
    uri: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        get_backend(uri)
    assert SECRET not in repr(caught.value)
    assert SECRET not in repr(read("valkey://u:hunter2@host"))


def test_every_scheme_of_the_backend_is_known() -> None:
    assert set(ValkeyBackend.schemes) <= set(known_schemes())
    for scheme in ValkeyBackend.schemes:
        rest = {"unix": "/run/valkey.sock", "sentinel": "host/service"}.get(scheme.partition("+")[2], "host")
        assert isinstance(get_backend(f"{scheme}://{rest}"), ValkeyBackend)


def test_the_uri_may_be_that_of_another_variable() -> None:
    variables = {"REDISTOGO_URL": f"redis://redistogo:{SECRET}@host:9000/"}
    uri = OPENHEART_URI.cast("$REDISTOGO_URL", variables)
    assert uri is not None
    assert get_backend(uri).uri == variables["REDISTOGO_URL"]


def test_a_missing_driver_names_the_extra() -> None:
    said = run_child(WITHOUT_DRIVER)
    assert said.startswith("MissingDependency")
    assert "pip install 'openheart[valkey]'" in said
