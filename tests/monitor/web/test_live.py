"""Server-sent events: what they contain, and clients that do not read."""

from __future__ import annotations

import base64
import json
import resource
import socket
import time
from contextlib import ExitStack, contextmanager
from itertools import islice, pairwise

import httpx
import numpy as np
import pytest
from tests.monitor.web.conftest import RATE, running, wait_for

from auscult.decision.alarms import Episode
from auscult.errors import StoreError
from auscult.monitor.stream.changes import AlarmChange, Gap, StateChange
from auscult.monitor.stream.sensor import Condition
from auscult.monitor.web import live, server


def messages(response: httpx.Response, seconds: float = 120.0):
    """Kinds and data of messages as they arrive, within some time."""
    kind, deadline = None, time.monotonic() + seconds
    for line in response.iter_lines():
        assert time.monotonic() < deadline, "the messages that are expected do not arrive"
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def number(client, name):
    machines = client.get("api/machines").json()["machines"]
    return next(machine["id"] for machine in machines if machine["name"] == name)


def test_states_come_at_once_and_each_second(client):
    with client.stream("GET", "api/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        kinds, states = zip(*islice(messages(response), 3), strict=True)
    # Spectrograms only of the machine that is asked for.
    assert kinds == ("status", "update", "update")
    assert [machine["name"] for machine in states[0]["machines"]] == ["fan", 'pump "2"']
    assert states[0]["time"] < states[1]["time"] < states[2]["time"]


def test_spectrograms_are_the_frames_of_the_detector(client, monitor):
    runner = monitor.engine.runners['pump "2"']
    judged = []
    monitor.engine.listeners.insert(0, lambda name, change: judged.append(change))
    pump = number(client, 'pump "2"')
    try:
        with client.stream("GET", f"api/stream?machine={pump}") as response:
            frames = []
            for kind, data in messages(response):
                if kind == "frames":
                    frames.append(data)
                    if len(frames) == 4:
                        break
    finally:
        monitor.engine.listeners.pop(0)
    front_end = runner.machine.model.detector.config.front_end
    for data in frames:
        (judgement,) = [change for change in judged if getattr(change, "time", None) == data["time"]]
        assert data["machine"] == pump
        assert data["score"] == judgement.score
        assert data["threshold"] == judgement.threshold == runner.machine.model.alarm_policy.rule.threshold
        assert data["counts"] is True
        assert data["step"] == front_end.hop / RATE
        assert (data["columns"], data["rows"]) == judgement.frames.shape
        steps = np.frombuffer(base64.b64decode(data["data"]), np.uint8).reshape(data["rows"], data["columns"])
        span = data["high"] - data["low"]
        np.testing.assert_allclose(data["low"] + steps / 255 * span, judgement.frames.T, atol=span / 255)
    for before, after in pairwise(frames):
        seconds = after["time"] - before["time"]
        assert abs(seconds - after["columns"] * after["step"]) < 1e-3, "successive parts join"


@contextmanager
def deaf(monitor, machine: int):
    """A client that asks for the stream of a machine and reads nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((monitor.server.host, monitor.server.port))
        connection.sendall(f"GET /api/stream?machine={machine} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_for(lambda: monitor.server.hub.clients)
        yield connection


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_client_that_does_not_read_holds_up_nobody_and_no_memory(client, monitor):
    """It loses what it does not read; scoring, other clients and memory are as without it."""
    pump, hub = number(client, 'pump "2"'), monitor.server.hub
    runner = monitor.engine.runners['pump "2"']
    with deaf(monitor, pump), client.stream("GET", f"api/stream?machine={pump}") as response:
        arrived = messages(response)
        assert next(arrived)[0] == "status"
        wait_for(lambda: hub.clients == 2)
        for _ in range(500):
            hub.publish('pump "2"', runner.last)
        before, windows = resident_bytes(), runner.windows
        for _ in range(20_000):  # 100 MB of messages
            hub.publish('pump "2"', runner.last)
        assert resident_bytes() - before < 50e6
        assert all(queued.waiting <= 2 * 108 for queued in hub._clients)
        wait_for(lambda: runner.windows > windows + 3)
        kinds = [next(arrived)[0] for _ in range(12)]
        assert {"frames", "update"} >= set(kinds)
    wait_for(lambda: hub.clients == 0)


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot close such connections"
)
def test_a_client_that_never_reads_is_given_up(machines, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "SEND_SECONDS", 1.0)
    monkeypatch.setattr(server, "SEND_SECONDS", 1.0)
    with running(machines(), tmp_path / "store") as monitor:
        runner = wait_for(lambda: monitor.engine.runners["fan"])
        wait_for(lambda: runner.last)
        hub, state = monitor.server.hub, monitor.server._server.server_state
        with deaf(monitor, 1):

            def published_until_gone():
                for _ in range(50):
                    hub.publish("fan", runner.last)
                return hub.clients == 0

            wait_for(published_until_gone)
            wait_for(lambda: not state.connections)


def test_many_clients_at_once_and_no_more(client, monitor, monkeypatch):
    monkeypatch.setattr(live, "MAX_CLIENTS", 150)
    request = b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    address = (monitor.server.host, monitor.server.port)
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_connection(address, timeout=20)) for _ in range(150)]
        for connection in sockets:
            connection.sendall(request)
        streams = [opened.enter_context(connection.makefile("rb")) for connection in sockets]
        for stream in streams:
            assert stream.readline().startswith(b"HTTP/1.1 200")
            while not stream.readline().startswith(b"event: status"):
                pass
        refused = client.get("api/stream")
        assert refused.status_code == 503
        assert refused.json()["error"]
        for stream in streams:  # and once more a second later
            while not stream.readline().startswith(b"event: update"):
                pass
    wait_for(lambda: monitor.server.hub.clients == 0)
    with client.stream("GET", "api/stream") as response:
        assert next(messages(response))[0] == "status"


def test_streams_go_on_when_states_cannot_be_read_for_a_while(machines, tmp_path, monkeypatch):
    with running(machines()[:1], tmp_path / "store") as monitor, monitor.client() as client:
        reader = monitor.server._reader
        read = reader.overview
        with client.stream("GET", "api/stream") as response:
            arrived = messages(response)
            assert next(arrived)[0] == "status"
            failed = []

            def fail(since):
                failed.append(since)
                raise StoreError(tmp_path, "busy")

            monkeypatch.setattr(reader, "overview", fail)
            wait_for(lambda: len(failed) > 1)
            monkeypatch.setattr(reader, "overview", read)
            assert next(data for kind, data in arrived if kind == "update")["time"]


def test_alarms_and_states_are_changes(machines, recordings, tmp_path):
    with running(machines()[:1], tmp_path / "store") as monitor, monitor.client() as client:
        wait_for(lambda: monitor.engine.runners["fan"].ended)
        (event,) = client.get("api/events?kind=alarm").json()["events"]
        episode = Episode(event["start"], event["end"], event["peak"], event["peak_time"])
        with client.stream("GET", "api/stream") as response:
            arrived = messages(response)
            assert next(arrived)[0] == "status"
            for change in (
                AlarmChange("started", episode, event["threshold"]),
                Gap(1.0, 2.0, "overload"),
                StateChange(3.0, "running", Condition("silent", "the level is low")),
                StateChange(4.0, "off", None),
            ):
                monitor.engine._notify("fan", change)
            changes = [data for kind, data in islice(arrived, 6) if kind == "change"][:4]
    alarm, gap, sensor, state = changes
    assert {change["machine"] for change in changes} == {event["machine"]}
    assert (alarm["kind"], alarm["change"], alarm["peak"]) == ("alarm", "started", event["peak"])
    assert (gap["kind"], gap["start"], gap["end"], gap["reason"]) == ("gap", 1.0, 2.0, "overload")
    assert (sensor["kind"], sensor["condition"]["kind"]) == ("sensor", "silent")
    assert (state["kind"], state["state"], state["condition"]) == ("state", "off", None)
