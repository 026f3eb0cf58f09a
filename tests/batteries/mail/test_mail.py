from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from jinja2 import TemplateNotFound

import openheart
from openheart import OpenHeart, send_mail, send_mail_a
from openheart.batteries import battery_of
from openheart.batteries.mail import smtp as mail_server
from openheart.batteries.mail.battery import Mail
from openheart.errors import (
    BatteryError,
    BatteryOutcomeUnknown,
    BatteryUnavailable,
    ConfigError,
    InvalidMail,
    MailRefused,
    OpenHeartError,
)

from ...servers.mail import MailServer
from ...waiting import PATIENCE

pytestmark = [
    # aiosmtpd says so of itself, and to the one who chose a login without TLS on a loopback address.
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

ANN, BOB, EVE = "Ann <ann@example.org>", "bob@example.net", "eve@example.com"
LOGIN = ("ann@example.org", "s3cret")

StartServer = Callable[..., MailServer]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with contextlib.ExitStack() as stack:

        def start(
            kind: Any = "plain", login: tuple[str, str | bytes] | None = None, **options: Any
        ) -> MailServer:
            server = MailServer(kind, login, tmp_path, **options)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def server(start_server: StartServer) -> MailServer:
    return start_server()


def load(server: MailServer, **settings: Any) -> Flask:
    return openheart.load(
        name="one", uri="memory:", smtp_host=server.host, openheart_smtp_timeout=PATIENCE, **settings
    )


def with_login(server: MailServer, **settings: Any) -> Flask:
    settings = {"smtp_user": LOGIN[0], "smtp_password": LOGIN[1], **settings}
    if server.kind != "plain":
        settings = {"openheart_smtp_ca": str(server.ca), **settings}
    return load(server, **settings)


def send(**changes: Any) -> str:
    return send_mail(
        **{"subject": "Hello", "sender": ANN, "receivers": [BOB], "data": "Hello, Bob.", **changes}
    )


def templates(app: Flask, folder: Path, **files: str) -> None:
    """Gives an app templates; __ in a name is a dot."""
    app.jinja_loader.searchpath[:] = [str(folder)]  # type: ignore[union-attr]
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


def test_a_mail_is_made_of_templates_and_a_mail_client_shows_it(server: MailServer, tmp_path: Path) -> None:
    templates(
        load(server),
        tmp_path,
        hello__txt="Grüße, {{ name }}, from {{ config.NAME or 'us' }}",
        hello__html="<p>Grüße, {{ name }}</p>",
    )
    name = send(data=None, plain="hello.txt", rich="hello.html", context={"name": "Bob & Söhne"})
    (message,) = server.messages()
    assert message["Message-ID"] == name
    assert message["Subject"] == "Hello"
    assert (message["From"], message["To"]) == (ANN, BOB)
    assert (server.taken[0].mail_from, server.taken[0].rcpt_tos) == ("ann@example.org", [BOB])
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().strip() == "Grüße, Bob & Söhne, from us"
    assert rich.get_content().strip() == "<p>Grüße, Bob &amp; Söhne</p>"


@pytest.mark.parametrize("name", ["hello.html", "hello.html.tpl", "hello.mail"])
def test_the_html_is_escaped_however_its_template_is_called_and_the_text_never_is(
    server: MailServer, tmp_path: Path, name: str
) -> None:
    app = openheart.load(Flask(__name__, template_folder=str(tmp_path)), uri="memory:", smtp_host=server.host)
    (tmp_path / name).write_text("{{ name }} {{ trusted | safe }}")
    context = {"name": "<b>", "trusted": "<i>"}
    with app.app_context():
        send(data=None, plain=name, rich=name, context=context)
    plain, rich = (part.get_content().strip() for part in server.messages()[0].iter_parts())
    assert (plain, rich) == ("<b> <i>", "&lt;b&gt; <i>")


def test_templates_see_what_those_of_the_app_see(server: MailServer, tmp_path: Path) -> None:
    app = load(server)
    templates(app, tmp_path, hello__txt="{{ ours }} {{ request.path }} {{ openheart_target is defined }}")
    app.context_processor(lambda: {"ours": "of the app"})

    @app.get("/ask")
    def ask() -> str:
        return send(data=None, plain="hello.txt")

    app.test_client().get("/ask")
    assert server.messages()[0].get_content().strip() == "of the app /ask True"


def test_a_template_that_is_not_there_is_what_flask_says(server: MailServer) -> None:
    load(server)
    for send_it in (send_mail, send_mail_a):
        with pytest.raises(TemplateNotFound):
            send_it(sender=ANN, receivers=[BOB], plain="not/there.txt")
    assert server.taken == []


def parts_of(server: MailServer) -> dict[str, str]:
    """The parts of the one mail that a server took: content type -> text."""
    (message,) = server.messages()
    assert message.get_content_type() == "multipart/alternative"
    lines = {part.get_content_type(): part.get_content().splitlines() for part in message.iter_parts()}
    return {kind: "\n".join(each) for kind, each in lines.items()}


def test_data_alone_is_both_parts_and_escaped_in_the_html(server: MailServer) -> None:
    load(server)
    send(data="Bob & <b>\nSöhne")
    assert parts_of(server) == {
        "text/plain": "Bob & <b>\nSöhne",
        "text/html": "Bob &amp; &lt;b&gt;<br>\nSöhne",
    }


@pytest.mark.parametrize(
    ("names", "text", "html"),
    [
        ({"plain": "good.txt"}, "good", "&lt;i&gt;"),
        ({"rich": "good.txt"}, "<i>", "good"),
        ({"plain": "good.txt", "rich": "good.txt"}, "good", "good"),
        ({"plain": "bad.txt", "rich": "good.txt"}, "<i>", "good"),
        ({"plain": "good.txt", "rich": "bad.txt"}, "good", "&lt;i&gt;"),
        ({"plain": "gone.txt", "rich": "good.txt"}, "<i>", "good"),
        ({"plain": "broken.txt", "rich": "gone.txt"}, "<i>", "&lt;i&gt;"),
    ],
)
def test_data_stands_in_for_a_template_that_is_missing_or_fails_and_the_log_says_so(
    server: MailServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    names: dict[str, str],
    text: str,
    html: str,
) -> None:
    templates(load(server), tmp_path, good__txt="good", bad__txt="{{ 1 / 0 }}", broken__txt="{% if %}")
    send(data="<i>", **names)
    assert parts_of(server) == {"text/plain": text, "text/html": html}
    failed = {name for name in names.values() if name != "good.txt"}
    logged = [record for record in caplog.records if record.name == "openheart"]
    assert {name for record in logged for name in failed if repr(name) in record.getMessage()} == failed
    assert len(logged) == len(failed)
    assert all(record.exc_info and "data is sent instead" in record.getMessage() for record in logged)


def test_a_template_that_fails_is_an_error_where_there_is_no_data(server: MailServer, tmp_path: Path) -> None:
    templates(load(server), tmp_path, good__txt="good", bad__txt="{{ 1 / 0 }}")
    with pytest.raises(ZeroDivisionError):
        send(data=None, plain="good.txt", rich="bad.txt")
    assert server.taken == []


def test_the_sender_is_smtp_user_by_default(server: MailServer) -> None:
    load(server, smtp_user="shop@example.org")
    send(sender=None)
    assert server.messages()[0]["From"] == "shop@example.org"


@pytest.mark.parametrize("user", [None, "apikey"])
def test_without_a_sender_smtp_user_has_to_be_an_address(server: MailServer, user: str | None) -> None:
    load(server, smtp_user=user)
    with pytest.raises(ConfigError, match=f"SMTP_USER={user!r}.*no sender"):
        send(sender=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"receivers": []}, "no receivers"),
        ({"receivers": BOB}, "list of addresses"),
        ({"receivers": [BOB, "nobody"]}, "'nobody' cannot be used as an address"),
        ({"sender": "Ann\nBcc: eve@example.com <ann@example.org>"}, "without control characters"),
        ({"subject": "Hello\r\nBcc: eve@example.com"}, "without control characters"),
        ({"data": None}, "plain, rich or data"),
        ({"data": b"bytes"}, "data must be text, not bytes"),
    ],
)
def test_what_cannot_be_a_mail_is_refused_before_anything_is_sent(
    server: MailServer, changes: dict[str, Any], message: str
) -> None:
    load(server)
    with pytest.raises(InvalidMail, match=message):
        send(**changes)
    arguments = {"subject": "", "sender": ANN, "receivers": [BOB], "data": "", **changes}
    with pytest.raises(InvalidMail, match=message):
        send_mail_a(**arguments)
    assert server.hosts == []


def test_the_name_of_this_machine_is_told_to_nobody(server: MailServer) -> None:
    load(server)
    send()
    assert server.hosts == ["[127.0.0.1]"]
    assert socket.gethostname().encode() not in server.content()


def test_a_refused_receiver_is_named_and_the_others_get_the_mail(server: MailServer) -> None:
    load(server)
    server.refused[EVE] = "550 5.1.1 No such \x1b[2Juser"
    with pytest.raises(MailRefused) as caught:
        send(receivers=[BOB, f"Eve <{EVE}>", "carl@example.org"])
    assert caught.value.refused == {EVE: "550 5.1.1 No such \\x1b[2Juser"}
    assert caught.value.accepted == [BOB, "carl@example.org"]
    assert EVE in str(caught.value)
    assert server.taken[0].rcpt_tos == [BOB, "carl@example.org"]


def test_when_all_receivers_are_refused_nobody_gets_it(server: MailServer) -> None:
    load(server)
    server.refused[BOB] = "450 Later"
    with pytest.raises(MailRefused, match="450 Later.*nobody got it") as caught:
        send()
    assert caught.value.accepted == []
    assert server.taken == []


def test_a_refused_sender_is_named(server: MailServer) -> None:
    load(server)
    server.refused["ann@example.org"] = "553 Not yours"
    with pytest.raises(
        BatteryError, match="refuses mail from ann@example.org; nothing was sent: 553 Not yours"
    ):
        send()


def test_a_server_that_disconnects_at_a_receiver_gets_nothing(server: MailServer) -> None:
    load(server)
    server.refused[EVE] = "421 Closing"
    with pytest.raises(BatteryUnavailable, match="421 Closing"):
        send(receivers=[BOB, EVE])
    assert server.taken == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("554 Spam", BatteryError), ("451 Later", BatteryUnavailable), ("hang up", BatteryOutcomeUnknown)],
)
def test_what_the_server_says_to_the_message_is_the_error(
    server: MailServer, reply: str, kind: type[BatteryError]
) -> None:
    load(server)
    server.reply = reply
    with pytest.raises(BatteryError, match=reply if reply[0].isdigit() else "may arrive twice") as caught:
        send()
    assert type(caught.value) is kind


@pytest.mark.parametrize("reply", [b"25", b"2", b"55", b"250-Half", b"what?\r\n", b"220 Hello\r\n"])
def test_an_answer_that_does_not_say_whether_the_message_was_taken_leaves_it_open(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 Hello\r\n")
                for line in lines:
                    if line.lower() == b"data\r\n":
                        break
                    connection.sendall(b"250 OK\r\n")
                connection.sendall(b"354 Go on\r\n")
                while lines.readline() != b".\r\n":
                    pass
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        openheart.load(name="one", uri="memory:", smtp_host=host, openheart_smtp_timeout=PATIENCE)
        with pytest.raises(BatteryOutcomeUnknown, match="may arrive twice"):
            send()
        thread.join()


@pytest.mark.parametrize("kind", ["plain", "starttls", "tls"])
@pytest.mark.parametrize("password", ["s3cret", "pässwörd ❤", b"p\xe4ss"])
def test_it_logs_in(start_server: StartServer, kind: str, password: str | bytes) -> None:
    server = start_server(kind, (LOGIN[0], password))
    with_login(server, smtp_password=password, openheart_smtp_tls="tls" if kind == "tls" else "auto")
    send()
    assert server.logins == [LOGIN[0]]
    assert len(server.taken) == 1


def test_a_login_that_is_refused_is_named_and_the_password_is_not(start_server: StartServer) -> None:
    server = start_server("starttls", LOGIN)
    with_login(server, smtp_password="wr0ng")
    with pytest.raises(BatteryError, match="refuses the login.*SMTP_USER and SMTP_PASSWORD: 535") as caught:
        send()
    assert "wr0ng" not in str(caught.value)
    assert server.taken == []


def test_it_logs_in_where_the_usual_way_is_not_offered(start_server: StartServer) -> None:
    server = start_server("plain", LOGIN, without=("PLAIN",))
    with_login(server)
    send()
    assert server.logins == [LOGIN[0]]


def test_letters_that_are_not_ascii_are_named_where_a_login_cannot_have_them(
    start_server: StartServer,
) -> None:
    server = start_server("plain", LOGIN, without=("PLAIN",))
    with_login(server, smtp_password="pässwörd")
    with pytest.raises(BatteryError, match="logins in ASCII only") as caught:
        send()
    assert "pässwörd" not in str(caught.value)


def test_a_server_that_cannot_check_logins_now_is_unavailable(start_server: StartServer) -> None:
    server = start_server("plain", LOGIN, login_reply="454 Later, for s3cret")
    with_login(server)
    with pytest.raises(BatteryUnavailable, match=r"cannot check the login now.*454 Later, for \*\*\*$"):
        send()


def test_a_server_without_logins_is_named(server: MailServer) -> None:
    with_login(server)
    with pytest.raises(BatteryError, match="offers no login; unset SMTP_PASSWORD"):
        send()


def test_a_password_is_not_sent_without_encryption_to_another_machine(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server("plain", LOGIN)
    with_login(server)
    monkeypatch.setattr(mail_server, "is_loopback", lambda host: False)
    with pytest.raises(BatteryError, match="without encryption, so SMTP_PASSWORD is not sent to it"):
        send()
    assert server.logins == []


@pytest.mark.parametrize("mode", ["auto", "starttls"])
def test_starttls_is_used_where_it_is_offered(start_server: StartServer, mode: str) -> None:
    server = start_server("starttls")
    load(server, openheart_smtp_tls=mode, openheart_smtp_ca=str(server.ca))
    send()
    assert len(server.hosts) == 2  # before it, and again after it


def test_starttls_that_is_required_and_not_offered_is_an_error(server: MailServer) -> None:
    load(server, openheart_smtp_tls="starttls")
    with pytest.raises(BatteryError, match="offers no STARTTLS"):
        send()
    assert server.taken == []


def test_off_never_encrypts(start_server: StartServer) -> None:
    server = start_server("starttls")
    load(server, openheart_smtp_tls="off")
    send()
    assert len(server.hosts) == 1


@pytest.mark.parametrize("kind", ["starttls", "tls"])
@pytest.mark.parametrize("names", [("localhost", "127.0.0.1"), ("mail.example.org",)])
def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    start_server: StartServer, kind: str, names: tuple[str, ...]
) -> None:
    server = start_server(kind, names=names)
    trusted = {"openheart_smtp_ca": str(server.ca)} if names == ("mail.example.org",) else {}
    load(server, openheart_smtp_tls=kind, **trusted)
    with pytest.raises(BatteryError, match="certificate that is not trusted.*OPENHEART_SMTP_CA"):
        send()
    assert server.taken == []


def test_tls_with_a_server_that_has_none_is_named(server: MailServer) -> None:
    load(server, openheart_smtp_tls="tls")
    with pytest.raises(BatteryError, match="does not speak TLS as OPENHEART_SMTP_TLS=tls expects"):
        send()


@pytest.mark.parametrize(
    ("host", "tls", "expected"),
    [
        ("h", "auto", ("h", 25)), ("h", "tls", ("h", 465)), ("h", "starttls", ("h", 25)),
        ("h:587", "auto", ("h", 587)),
        ("[::1]", "off", ("::1", 25)), ("[::1]:2525", "off", ("::1", 2525)),
    ],
)  # fmt: skip
def test_the_port_is_that_of_smtp_host_or_the_usual_one(
    host: str, tls: str, expected: tuple[str, int]
) -> None:
    app = openheart.load(name="one", uri="memory:", smtp_host=host, openheart_smtp_tls=tls)
    route = battery_of(Mail, app).resource
    assert (route.host, route.port) == expected


def test_auto_on_port_465_is_tls_from_the_first_byte(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server("tls")
    monkeypatch.setattr(mail_server, "TLS_PORT", server.port)
    load(server, openheart_smtp_ca=str(server.ca))
    send()
    assert len(server.taken) == 1


def test_addresses_of_other_scripts_arrive_where_smtputf8_is_offered(server: MailServer) -> None:
    load(server)
    send(sender="Jörg <jörg@bücher.example>", receivers=["zoë@example.org"])
    assert server.taken[0].mail_from == "jörg@xn--bcher-kva.example"
    assert server.taken[0].rcpt_tos == ["zoë@example.org"]
    assert "zoë@example.org" in server.content().decode()


def test_addresses_of_other_scripts_are_refused_where_it_is_not(start_server: StartServer) -> None:
    server = start_server(international=False)
    load(server)
    with pytest.raises(BatteryError, match="SMTPUTF8.*zoë@example.org"):
        send(receivers=["zoë@example.org"])
    send(sender="Jörg <ann@bücher.example>", subject="Grüße")
    assert server.messages()[0]["Subject"] == "Grüße"


def test_a_server_that_stops_and_starts_again_is_named_and_then_used(server: MailServer) -> None:
    app = load(server)
    send()
    server.stop()
    with pytest.raises(BatteryUnavailable, match=rf"{server.host} cannot be reached.*nothing was sent"):
        send()
    assert battery_of(Mail, app).health() is not None
    server.start()
    send()
    assert len(server.taken) == 2


@pytest.mark.parametrize("tls", ["auto", "tls"])
def test_a_server_that_says_nothing_is_given_up_after_the_timeout(tls: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        openheart.load(
            name="one", uri="memory:", smtp_host=host, openheart_smtp_timeout=0.2, openheart_smtp_tls=tls
        )
        began = time.monotonic()
        with pytest.raises(BatteryUnavailable, match=r"timed out.*OPENHEART_SMTP_TLS=tls\?"):
            send()
        assert time.monotonic() - began < PATIENCE


def test_what_is_no_mail_server_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        openheart.load(name="one", uri="memory:", smtp_host=host)
        with pytest.raises(BatteryError, match="nothing was sent"):
            send()
        thread.join()


def test_in_the_background_the_mail_is_made_at_once_and_sent_later(
    server: MailServer, tmp_path: Path
) -> None:
    app = load(server)
    templates(app, tmp_path, hello__txt="{{ who }} asked at {{ request.path }}")
    context = {"who": "Ann"}
    with app.test_request_context("/now"):
        assert request.path == "/now"
        future = send_mail_a(sender=ANN, receivers=[BOB], plain="hello.txt", context=context)
    context["who"] = "nobody"
    assert future is not None
    assert future.result(PATIENCE) == server.messages()[0]["Message-ID"]
    assert server.messages()[0].get_content().strip() == "Ann asked at /now"


def test_what_goes_wrong_in_the_background_is_logged_and_in_the_future(
    server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    load(server)
    server.refused[BOB] = "550 No"
    future = send_mail_a(sender=ANN, receivers=[BOB], data="")
    assert future is not None
    assert isinstance(future.exception(PATIENCE), MailRefused)
    assert caplog.messages == ["Work in the background failed: openheart.batteries.mail.battery.Mail.send"]


def test_with_execution_off_nothing_is_sent_in_the_background(server: MailServer) -> None:
    load(server, execution=False)
    assert send_mail_a(sender=ANN, receivers=[BOB], data="") is None
    send()
    assert len(server.taken) == 1


def test_mail_that_is_in_the_background_is_sent_before_unload_returns(server: MailServer) -> None:
    load(server)
    for _ in range(5):
        send_mail_a(sender=ANN, receivers=[BOB], data="")
    openheart.unload()
    assert len(server.taken) == 5


def test_two_apps_have_servers_of_their_own(start_server: StartServer) -> None:
    servers = [start_server(), start_server()]
    apps = [Flask("one"), Flask("two")]
    for app, server in zip(apps, servers, strict=True):
        OpenHeart(app, env=False, uri="memory:", smtp_host=server.host)
    send(app=apps[1])
    with apps[0].app_context():
        send()
        send(app=apps[1], subject="again")
    assert [len(server.taken) for server in servers] == [1, 2]


def test_health_asks_the_server_and_does_not_log_in(start_server: StartServer) -> None:
    server = start_server("starttls", LOGIN)
    app = with_login(server)
    assert app.test_client().get("/openheart/-/readyz").json["batteries"] == {"mail": "ok"}  # type: ignore[index]
    assert server.logins == []
    battery_of(Mail, app).close()
    server.stop()


def test_without_a_server_it_says_which_variable_is_wanted() -> None:
    openheart.load(name="one", uri="memory:")
    for send_it in (send_mail, send_mail_a):
        with pytest.raises(ConfigError, match="SMTP_HOST=None.*The mail server"):
            send_it(sender=ANN, receivers=[BOB], data="")


def test_without_an_app_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
        send()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smtp_password": "s3cret"}, "SMTP_USER=None.*because SMTP_PASSWORD is set"),
        ({"openheart_smtp_ca": "/not/there.pem"}, "OPENHEART_SMTP_CA='/not/there.pem'.*PEM"),
        ({"openheart_smtp_ca": __file__}, "OPENHEART_SMTP_CA=.*PEM"),
    ],
)
def test_settings_that_cannot_work_are_errors_of_load(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        openheart.load(name="one", uri="memory:", smtp_host="h", **settings)
    assert "s3cret" not in str(caught.value)


def test_the_password_is_not_in_the_repr_of_what_is_kept() -> None:
    app = openheart.load(
        name="one", uri="memory:", smtp_host="h", smtp_user="ann@example.org", smtp_password="s3cret"
    )
    assert "s3cret" not in repr(battery_of(Mail, app).resource)


def test_certificates_are_verified() -> None:
    app = openheart.load(name="one", uri="memory:", smtp_host="h")
    context = battery_of(Mail, app).resource.context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_load_without_mail_imports_nothing_of_it() -> None:
    code = (
        "import sys, openheart; openheart.load(name='one', uri='memory:');"
        "ours = {f'openheart.batteries.{name}.battery' for name in ('mail', 'background')};"
        "print({'smtplib', *ours} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
