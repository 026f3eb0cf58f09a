from __future__ import annotations

import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme
import valkey as driver
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.valkey.battery import Valkey, failures
from openheart.errors import BatteryUnavailable, ConfigError, MissingDependency, OpenHeartError

from ...child import run_child
from ...servers.process import frozen
from ...servers.proxy import Proxy
from ...servers.valkey import Cluster, Sentinels, Server
from ...waiting import until

AWAY = "valkey://127.0.0.1:1"

FORK = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", redistogo_url=sys.argv[1])
before = openheart.valkey.get_connection()
before.rpush("who", "parent")
child = os.fork()
if not child:
    assert openheart.valkey.get_connection() is not before
    openheart.valkey.get_connection().rpush("who", "child")
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert openheart.valkey.get_connection() is before
print(before.lrange("who", 0, -1))
openheart.unload()
"""


@pytest.fixture(scope="module")
def server(valkey_server: Server) -> Server:
    return valkey_server


def connections(server: Server) -> set[str]:
    """The ids of those that are open, without the one that asks. Other tests may have left some."""
    return {each["id"] for each in server.do("CLIENT LIST") if each["cmd"] != "client|list"}


@pytest.fixture(autouse=True)
def _empty(server: Server) -> None:
    server.do("FLUSHALL")


def test_the_app_has_one_client_at_redistogo_url(server: Server) -> None:
    openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
    client = openheart.valkey.get_connection()
    assert openheart.valkey.get_connection() is client
    client.set("hello", "there")
    assert server.do("GET", "hello") == b"there"


def test_the_number_of_the_database_and_other_spellings_are_taken(server: Server) -> None:
    openheart.load(name="one", uri="memory:", redistogo_url=f"redis://127.0.0.1:{server.port}/3")
    openheart.valkey.get_connection().set("hello", "there")
    with server.client(db=3) as outside:
        assert outside.get("hello") == b"there"


def test_the_keys_of_two_instances_are_different_and_without_one_a_name_is_as_it_was(server: Server) -> None:
    for instance, name in ((None, "visits"), ("eu", "eu:visits"), ("us", "us:visits")):
        openheart.load(name="one", uri="memory:", redistogo_url=server.uri, instance=instance)
        assert openheart.valkey.key("visits") == name
        openheart.valkey.get_connection().incr(openheart.valkey.key("visits"))
        openheart.unload()
    assert sorted(server.do("KEYS", "*")) == [b"eu:visits", b"us:visits", b"visits"]


def test_where_the_counts_are_in_valkey_the_app_may_use_it_too(server: Server) -> None:
    openheart.load(name="one", uri=server.uri)
    assert openheart.valkey.get_connection().ping()


def test_redistogo_url_goes_before_the_valkey_of_the_counts(server: Server) -> None:
    openheart.load(name="one", uri=AWAY, redistogo_url=server.uri)
    assert openheart.valkey.get_connection().ping()


def test_it_never_waits_longer_than_the_timeout_says(server: Server) -> None:
    openheart.load(name="one", uri="memory:", redistogo_url=server.uri, openheart_valkey_timeout="2s")
    client = openheart.valkey.get_connection()
    client.ping()
    server.freeze()
    try:
        with pytest.raises(driver.exceptions.TimeoutError):
            client.get("hello")
    finally:
        server.thaw()
    assert client.get("hello") is None


def test_a_server_that_takes_connections_and_answers_nothing_is_not_asked_again_and_again(
    server: Server,
) -> None:
    before = connections(server)
    openheart.load(name="one", uri="memory:", redistogo_url=server.uri, valkey_timeout="2s")
    with frozen(server), pytest.raises(driver.TimeoutError):
        openheart.valkey.get_connection().ping()
    assert openheart.valkey.get_connection().ping()
    openheart.unload()
    until(lambda: connections(server) <= before, "what was given up is still there")


def test_a_unix_socket(server: Server) -> None:
    openheart.load(name="one", uri="memory:", redistogo_url=f"valkey+unix://{server.socket}?db=2")
    openheart.valkey.get_connection().set("hello", "there")
    with server.client(db=2) as outside:
        assert outside.get("hello") == b"there"


def test_tls_with_an_authority_of_ones_own(server: Server, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    proxy = Proxy(server.port, tls=context)
    try:
        uri = f"valkeys://localhost:{proxy.port}?ssl_ca_certs={tmp_path}/ca.pem"
        openheart.load(name="one", uri="memory:", redistogo_url=uri)
        assert openheart.valkey.get_connection().ping()
        openheart.unload()
        openheart.load(name="two", uri="memory:", redistogo_url=f"valkeys://localhost:{proxy.port}")
        with pytest.raises(driver.exceptions.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            openheart.valkey.get_connection().ping()
        openheart.unload()
    finally:
        proxy.close()


def test_a_user_and_a_password(server: Server) -> None:
    server.do("ACL", "SETUSER", "me", "on", ">p@ss/1", "~*", "+@all")
    openheart.load(name="one", uri="memory:", redistogo_url=f"valkey://me:p%40ss%2F1@127.0.0.1:{server.port}")
    assert openheart.valkey.get_connection().acl_whoami() == "me"


def test_a_server_that_was_away_and_started_again_is_used_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
        client = openheart.valkey.get_connection()
        client.set("hello", "there")
        server.kill()
        with pytest.raises(driver.exceptions.ConnectionError):
            client.get("hello")
        server.start()
        assert client.get("hello") is None
        openheart.unload()


def test_a_server_that_was_away_at_the_start_is_used_when_it_comes(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.kill()
        openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
        client = openheart.valkey.get_connection()
        with pytest.raises(driver.exceptions.ConnectionError):
            client.ping()
        server.start()
        assert client.ping()
        openheart.unload()


def test_an_increment_whose_answer_was_lost_is_not_sent_again(server: Server) -> None:
    proxy = Proxy(server.port)
    try:
        openheart.load(name="one", uri="memory:", redistogo_url=f"valkey://127.0.0.1:{proxy.port}")
        client = openheart.valkey.get_connection()
        proxy.lose(b"INCR")
        with pytest.raises(driver.exceptions.ConnectionError):
            client.incr("number")
        assert client.get("number") == b"1"
        openheart.unload()
    finally:
        proxy.close()


def test_a_connection_that_was_idle_is_tried_before_it_is_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openheart.batteries.valkey.battery.IDLE", 1e-6)
    openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
    server.do("CONFIG", "RESETSTAT")
    for _ in range(3):
        openheart.valkey.get_connection().get("hello")
    assert server.do("INFO", "commandstats")["cmdstat_ping"]["calls"] >= 2


@pytest.mark.slow
def test_an_increment_in_a_cluster_whose_answer_was_lost_is_not_sent_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, replicas=0, proxied=True, calm=True) as cluster:
        openheart.load(name="one", uri="memory:", redistogo_url=cluster.uri)
        client = openheart.valkey.get_connection()
        for proxy in cluster.proxies:
            proxy.lose(b"INCR")
        with pytest.raises(driver.exceptions.ConnectionError):
            client.incr("number")
        assert client.get("number") == b"1"
        openheart.unload()


@pytest.mark.slow
def test_a_server_that_sentinels_watch(tmp_path: Path) -> None:
    with Sentinels(tmp_path) as group:
        openheart.load(name="one", uri="memory:", redistogo_url=group.uri)
        client = openheart.valkey.get_connection()
        client.set("hello", "there")
        assert group.master().do("GET", "hello") == b"there"
        group.master().kill()

        def goes_on() -> bool:
            try:
                return bool(client.set("hello", "again"))
            except driver.exceptions.ValkeyError:
                return False

        until(goes_on, "the client did not find the server that took over")
        openheart.unload()


@pytest.mark.slow
def test_a_cluster_that_was_away_is_found_where_it_moved_to(tmp_path: Path) -> None:
    with Cluster(tmp_path, replicas=0) as cluster:
        openheart.load(name="one", uri="memory:", redistogo_url=cluster.uri)
        client = openheart.valkey.get_connection()
        keys = [f"key-{number}" for number in range(20)]
        for key in keys:
            client.set(key, key)
        for node in cluster.nodes:
            node.kill()
        for key in keys:
            with pytest.raises(failures()):
                client.get(key)
        # The last node comes back at another port, which the others tell.
        options = ["cluster-enabled yes", "cluster-node-timeout 1000"]
        cluster.nodes[2] = Server(tmp_path / "2", *options)
        for node in cluster.nodes[:2]:
            node.start()

        def goes_on() -> bool:
            try:
                return all(client.set(key, "again") for key in keys)
            except failures():
                return False

        until(goes_on, "the client did not find the node that moved")
        openheart.unload()


@pytest.mark.slow
def test_a_cluster_also_when_all_of_it_was_away(tmp_path: Path) -> None:
    with Cluster(tmp_path, replicas=0) as cluster:
        app = openheart.load(name="one", uri="memory:", redistogo_url=cluster.uri)
        client = openheart.valkey.get_connection()
        keys = [f"key-{number}" for number in range(20)]
        for key in keys:
            client.set(key, key)
        assert all(node.do("DBSIZE") for node in cluster.nodes)
        for node in cluster.nodes:
            node.kill()
        for key in keys:
            with pytest.raises(failures()):
                client.get(key)
        assert battery_of(Valkey, app).health()
        for node in cluster.nodes:
            node.start()
        cluster.wait_until_whole()
        for key in keys:
            assert client.set(key, "again")
        openheart.unload()


def test_a_cluster_that_is_unavailable_is_named_without_its_password() -> None:
    openheart.load(name="one", uri="memory:", redistogo_url="valkey+cluster://me:s3cret@127.0.0.1:1")
    with pytest.raises(BatteryUnavailable, match=r"me:\*\*\*@127.0.0.1:1 cannot be reached") as caught:
        openheart.valkey.get_connection()
    assert "s3cret" not in str(caught.value)


def test_threads_share_the_client(server: Server) -> None:
    app = openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
    with ThreadPoolExecutor(8) as pool:
        clients = {pool.submit(openheart.valkey.get_connection, app).result() for _ in range(8)}
        list(pool.map(lambda _: openheart.valkey.get_connection(app).incr("number"), range(200)))
    assert len(clients) == 1
    assert server.do("GET", "number") == b"200"


def test_unload_closes_every_connection(server: Server) -> None:
    before = connections(server)
    openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
    openheart.valkey.get_connection().ping()
    assert connections(server) - before
    openheart.unload()
    until(lambda: connections(server) <= before, "a connection is left")
    openheart.unload()


def test_two_apps_have_clients_of_their_own(server: Server) -> None:
    one, two = Flask("one"), Flask("two")
    for number, app in enumerate((one, two)):
        OpenHeart(app, env=False, uri="memory:", redistogo_url=f"{server.uri}/{number}")
    with one.app_context():
        first = openheart.valkey.get_connection()
    assert openheart.valkey.get_connection(two) is not first
    first.set("hello", "there")
    assert openheart.valkey.get_connection(two).get("hello") is None
    for app in (one, two):
        battery_of(Valkey, app).close()


def test_a_fork_gets_a_client_of_its_own(server: Server) -> None:
    assert run_child(FORK, server.uri) == "[b'parent', b'child']\n"


def test_its_health_is_what_a_ping_says(server: Server, tmp_path: Path) -> None:
    app = openheart.load(name="one", uri="memory:", redistogo_url=server.uri)
    answer = app.test_client().get("/openheart/-/readyz")
    assert answer.json == {"status": "ready", "batteries": {"valkey": "ok"}}
    openheart.unload()
    app = openheart.load(name="two", uri="memory:", redistogo_url="valkey://me:s3cret@127.0.0.1:1")
    answer = app.test_client().get("/openheart/-/readyz")
    assert answer.json == {"status": "ready", "batteries": {"valkey": "failing"}}
    health = battery_of(Valkey, app).health() or ""
    assert health.startswith("valkey://me:***@127.0.0.1:1 does not answer: ")
    assert "s3cret" not in health


def test_without_a_uri_it_says_which_variable_is_wanted() -> None:
    openheart.load(name="one", uri="memory:")
    with pytest.raises(ConfigError, match="REDISTOGO_URL=None.*valkey://localhost:6379/0"):
        openheart.valkey.get_connection()


@pytest.mark.parametrize(
    "uri", ["mongodb://me:s3cret@h/", "valkey://me:s3cret@h:port/", "valkey://me:s3cret@h?x=1"]
)
def test_a_uri_that_cannot_be_used_is_refused_at_load_without_its_password(uri: str) -> None:
    with pytest.raises(
        ConfigError,
        match=r"REDISTOGO_URL='.*me:\*\*\*@h.*expected .*valkey|only these options after the \?: db",
    ) as caught:
        openheart.load(name="one", uri="memory:", redistogo_url=uri)
    assert "s3cret" not in str(caught.value)


def test_without_an_app_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
        openheart.valkey.get_connection()


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    app = Flask("one")
    OpenHeart(app, env=False, uri="memory:", redistogo_url=AWAY)
    with pytest.raises(MissingDependency, match=r"REDISTOGO_URL.*pip install 'openheart\[valkey\]'"):
        openheart.valkey.get_connection(app)


def test_openheart_valkey_loads_no_driver_while_it_is_off() -> None:
    code = (
        "import sys, openheart; openheart.load(name='one', uri='memory:');"
        "openheart.valkey; print('valkey' in sys.modules); openheart.unload()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
