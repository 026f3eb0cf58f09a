from __future__ import annotations

import base64
import json
import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook
from werkzeug.datastructures import Headers

import openheart
from openheart.errors import ConfigError, InvalidSignature

KEY = secrets.token_bytes(32)
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
BODY = '{"type": "reactions.added", "data": {"reactions": [{"emoji": "🥨"}]}}'


def signed(secret: str = SECRET, *, age: float = 0.0, body: str = BODY) -> dict[str, str]:
    moment = datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(secret).sign("msg_1", moment, body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize(
    "secret",
    [SECRET, KEY, SECRET.encode(), f"{OTHER} {SECRET}", SECRET.rstrip("=")],
    ids=["text", "key", "bytes", "two", "no padding"],
)
def test_what_another_implementation_signed_is_taken(secret: str | bytes) -> None:
    assert openheart.webhook.verify_webhook(signed(), BODY.encode(), secret) == json.loads(BODY)


def test_the_case_of_header_names_does_not_matter() -> None:
    headers = Headers({name.title(): value for name, value in signed().items()})
    assert openheart.webhook.verify_webhook(headers, BODY.encode(), SECRET)["type"] == "reactions.added"


def test_one_right_signature_among_several_is_enough() -> None:
    headers = signed()
    headers["webhook-signature"] = (
        f"v1a,abc {signed(OTHER)['webhook-signature']} {headers['webhook-signature']}"
    )
    openheart.webhook.verify_webhook(headers, BODY.encode(), SECRET)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"webhook-id": "msg_2"}, "does not match this secret"),
        ({"webhook-timestamp": str(int(time.time()) + 1000)}, "does not match this secret"),
        ({"webhook-timestamp": "now"}, "not a number"),
        ({"webhook-timestamp": "²"}, "not a number"),
        ({"webhook-timestamp": "1" * 5000}, "not a number"),
        ({"webhook-timestamp": "-1"}, "not a number"),
        ({"webhook-signature": ""}, "does not match this secret"),
        ({"webhook-signature": "v1,"}, "does not match this secret"),
        ({"webhook-signature": "v1,ä"}, "does not match this secret"),
        ({"webhook-signature": signed(OTHER)["webhook-signature"]}, "does not match this secret"),
    ],
)
def test_a_header_that_was_changed_is_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSignature, match=said) as caught:
        openheart.webhook.verify_webhook({**signed(), **changed}, BODY.encode(), SECRET)
    assert caught.value.status == 403


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(InvalidSignature, match=f"header {name} is missing"):
        openheart.webhook.verify_webhook(headers, BODY.encode(), SECRET)


def test_a_body_that_was_changed_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="does not match this secret and this body"):
        openheart.webhook.verify_webhook(signed(), BODY.encode() + b" ", SECRET)


@pytest.mark.parametrize(("age", "said"), [(400, "s ago"), (-400, "ahead of this clock")])
def test_an_old_webhook_and_one_of_the_future_are_refused(age: float, said: str) -> None:
    with pytest.raises(InvalidSignature, match=said):
        openheart.webhook.verify_webhook(signed(age=age), BODY.encode(), SECRET)
    openheart.webhook.verify_webhook(signed(age=age), BODY.encode(), SECRET, tolerance=500)


@pytest.mark.parametrize("body", ["[1]", "no JSON"])
def test_a_signed_body_that_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidSignature, match="not a JSON object"):
        openheart.webhook.verify_webhook(signed(body=body), body.encode(), SECRET)


@pytest.mark.parametrize("secret", ["", "plain", "whsec_AAAA"])
def test_a_secret_that_is_none_is_the_receivers_error(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"an argument of verify_webhook"):
        openheart.webhook.verify_webhook(signed(), BODY.encode(), secret)
