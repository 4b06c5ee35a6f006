"""Events as messages to a real server that is up, slow, refusing, down, or back again."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from dataclasses import replace

import pytest

from auscult.errors import OptionError
from auscult.monitor.store import Event, EventStore
from auscult.monitor.webhook import outbox
from auscult.monitor.webhook.sender import Webhook
from auscult.monitor.webhook.settings import WebhookSettings

from .conftest import START, Receiver

PAUSES = (0.05, 0.1)


def webhook(store, receiver, **settings):
    return Webhook(store, WebhookSettings(receiver.url, **settings), pauses=PAUSES)


def failing(store):
    return [health for health in store.read.health(lasting=True) if health.condition == "webhook failing"]


def test_events_are_sent_as_they_start_and_end(store, receiver, wait):
    with webhook(store, receiver):
        alarm = Event("fan", "alarm", START, score=3.0, threshold=2.0, state="probation", model="a1b2")
        number = store.add_event(alarm)
        store.update_event(number, replace(alarm, explanation={"regions": [{"text": "high"}]}))
        wait(lambda: len(receiver.messages) == 1)
        store.update_event(number, replace(alarm, peak=4.0, end=START + 30))
        store.update_event(number, replace(alarm, peak=4.0, end=START + 30))
        store.add_event(Event("fan", "state", START + 40, START + 40, state="armed"))
        store.set_condition("fan", "silent", True, START + 50, "nothing but zeros")
        store.set_condition("fan", "silent", True, START + 51, "still nothing")
        store.set_condition("fan", "silent", False, START + 60)
        store.set_condition(None, "overload", True, START + 70)
        wait(lambda: len(receiver.messages) >= 6)
    about = [(m["subject"], m["change"], m["machine"], m["time"] - START) for m in receiver.messages]
    assert about == [
        ("alarm", "started", "fan", 0.0),
        ("alarm", "ended", "fan", 30.0),
        ("state", "happened", "fan", 40.0),
        ("sensor", "started", "fan", 50.0),
        ("sensor", "ended", "fan", 60.0),
        ("monitor", "started", None, 70.0),
    ]
    first, last, state, sensor, *_ = receiver.messages
    assert first["event"]["explanation"] == {"regions": [{"text": "high"}]}, "it waits for the explanation"
    assert (first["event"]["id"], first["event"]["end"], last["event"]["peak"]) == (number, None, 4.0)
    assert state["event"]["state"] == "armed"
    assert (sensor["condition"], sensor["detail"]) == ("silent", "nothing but zeros")
    assert [m["delivery"] for m in receiver.messages] == sorted({m["delivery"] for m in receiver.messages})
    assert store.deliveries.count("webhook") == 0


def test_messages_are_signed_and_authorised(store, receiver, wait, monkeypatch, tmp_path):
    monkeypatch.setenv("HOOK_KEY", "a key")
    (tmp_path / "authorization").write_text("Bearer abc\n")
    with webhook(store, receiver, secret_env="HOOK_KEY", authorization_file=str(tmp_path / "authorization")):
        store.add_event(Event("fan", "drift", START))
        wait(lambda: receiver.messages)
    ((headers, body),) = receiver.requests
    assert headers["Authorization"] == "Bearer abc"
    assert headers["Content-Type"] == "application/json"
    assert abs(int(headers["X-Auscult-Timestamp"]) - time.time()) < 60
    signed = headers["X-Auscult-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"a key", signed, hashlib.sha256).hexdigest()
    assert headers["X-Auscult-Signature"] == f"sha256={expected}"


def test_names_that_are_not_unicode_are_sent(store, receiver, wait):
    with webhook(store, receiver):
        store.add_event(Event("fan", "alarm", START, explanation={"recording": "größe \udcff.wav"}))
        store.set_condition("fan", "silent", True, START + 1)
        wait(lambda: len(receiver.messages) == 2)
    assert receiver.messages[0]["event"]["explanation"] == {"recording": "größe \udcff.wav"}
    assert "größe \\udcff".encode() in receiver.requests[0][1]


def test_only_what_is_wanted_is_sent(store, receiver, wait):
    with webhook(store, receiver, events=["drift"]):
        store.add_event(Event("fan", "alarm", START))
        store.set_condition("fan", "silent", True, START)
        store.add_event(Event("fan", "drift", START))
        wait(lambda: receiver.messages)
    assert [m["subject"] for m in receiver.messages] == ["drift"]


@pytest.mark.parametrize("fault", ["status 500", "slow", "down"])
def test_a_server_that_fails_and_returns_gets_everything_in_order(store, receiver, wait, fault):
    port = receiver.port
    if fault == "status 500":
        receiver.status = 500
    elif fault == "slow":
        receiver.pause = 2.0
    else:
        receiver.close()
    other = None
    with webhook(store, receiver, timeout=0.3):
        started = time.monotonic()
        for number in range(20):
            store.add_event(Event("fan", "alarm", START + number))
        assert time.monotonic() - started < 10, "writing does not wait for the server"
        wait(lambda: failing(store))
        (health,) = failing(store)
        assert health.detail.startswith(f"127.0.0.1:{port}: ")
        assert {"status 500": "500", "slow": "0.3 s", "down": "refused"}[fault] in health.detail
        assert "hidden" not in health.detail
        wait(lambda: "20 messages wait" in failing(store)[0].detail)
        # An answer that comes too late may have been an accepted message.
        receiver.messages.clear()
        receiver.status, receiver.pause = 200, 0.0
        if fault == "down":
            other = receiver = Receiver(port)
        wait(lambda: store.deliveries.count("webhook") == 0)
        wait(lambda: not failing(store))
    times = [m["time"] - START for m in receiver.messages]
    assert list(dict.fromkeys(times)) == list(range(20))
    if other:
        other.close()


def test_what_is_not_delivered_survives_a_restart(tmp_path, store, receiver, wait):
    receiver.status = 503
    with webhook(store, receiver):
        event = Event("fan", "alarm", START)
        number = store.add_event(event)
        wait(lambda: failing(store))
    store.close()
    receiver.status = 200
    with EventStore(tmp_path / "store") as store, webhook(store, receiver):
        wait(lambda: receiver.messages)
        store.update_event(number, replace(event, end=START + 9))
        wait(lambda: len(receiver.messages) == 2)
    assert [m["change"] for m in receiver.messages] == ["started", "ended"]


def test_a_message_that_is_refused_does_not_hold_up_others(store, receiver, wait, caplog):
    receiver.status = lambda message: 422 if message["subject"] == "drift" else 200
    with caplog.at_level(logging.WARNING), webhook(store, receiver) as sender:
        store.add_event(Event("fan", "drift", START))
        store.add_event(Event("fan", "alarm", START + 1))
        wait(lambda: receiver.messages)
        wait(lambda: not failing(store))
        assert sender.refused == 1
    assert len(receiver.requests) == 4
    assert "422" in caplog.text


def test_redirects_are_not_followed(store, receiver, wait):
    elsewhere = Receiver()
    receiver.location = elsewhere.url
    try:
        for status in (301, 307):
            receiver.status = status
            with webhook(store, receiver):
                store.add_event(Event("fan", "drift", START))
                wait(lambda status=status: any(str(status) in health.detail for health in failing(store)))
                assert "not followed" in failing(store)[0].detail
        assert not elsewhere.requests
    finally:
        elsewhere.close()


def test_proxies_are_those_of_the_environment(store, receiver, wait, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{receiver.port}")
    settings = WebhookSettings("http://plant.invalid/events")
    with Webhook(store, settings, pauses=PAUSES):
        store.add_event(Event("fan", "drift", START))
        wait(lambda: receiver.messages)
    assert receiver.requests[0][0]["Host"] == "plant.invalid"


def test_the_number_of_messages_that_wait_is_limited(store, receiver, wait, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_WAITING", 5)
    receiver.status = 500
    with webhook(store, receiver):
        for number in range(12):
            store.add_event(Event("fan", "alarm", START + number))
        wait(lambda: failing(store) and "7 were given up" in failing(store)[0].detail)
        assert store.deliveries.count("webhook") == 5
        receiver.status = 200
        wait(lambda: store.deliveries.count("webhook") == 0)
    assert [m["time"] - START for m in receiver.messages] == [7, 8, 9, 10, 11]


def test_a_message_about_a_deleted_event_is_left_out(store, receiver, wait):
    receiver.status = 500
    with webhook(store, receiver):
        number = store.add_event(Event("fan", "alarm", START))
        wait(lambda: failing(store))
        with store._database.transaction() as connection:
            connection.execute("DELETE FROM events WHERE id = ?", (number,))
        receiver.status = 200
        store.add_event(Event("fan", "drift", START))
        wait(lambda: receiver.messages)
    assert [m["subject"] for m in receiver.messages] == ["drift"]


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://example.org"},
        {"url": "https://"},
        {"url": "https://user:password@example.org"},
        {"url": "https://example.org:99999"},
        {"url": "https://example.org/a b"},
        {"url": "https://exämple.org"},
        {"url": ""},
        {"url": 5},
        {"url": "https://example.org", "events": []},
        {"url": "https://example.org", "events": "alarm"},
        {"url": "https://example.org", "events": ["alarms"]},
        {"url": "https://example.org", "timeout": 0},
        {"url": "https://example.org", "timeout": True},
        {"url": "https://example.org", "timeout": 1e9},
        {"url": "https://example.org", "secret_env": ""},
    ],
)
def test_invalid_settings_are_refused(settings):
    with pytest.raises(OptionError) as caught:
        WebhookSettings(**settings)
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"secret_env": "NO_SUCH_VARIABLE"},
        {"secret_file": "/nonexistent"},
        {"secret_env": "A", "secret_file": "b"},
        {"authorization_env": "WITH_NEWLINE"},
    ],
)
def test_secrets_that_cannot_be_read_are_an_error_at_the_start(store, settings, monkeypatch):
    monkeypatch.setenv("WITH_NEWLINE", "Bearer a\r\nHost: other")
    with pytest.raises(OptionError):
        Webhook(store, WebhookSettings("http://127.0.0.1:9/", **settings))
