"""Server-sent events: what they contain, and clients that do not read."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import httpx
import numpy as np
from tests.monitor.web.conftest import RATE


def messages(response: httpx.Response):
    """Kinds and data of messages as they arrive."""
    kind = None
    for line in response.iter_lines():
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
        states = []
        for kind, data in messages(response):
            assert kind == "status", "spectrograms only of the machine that is asked for"
            states.append(data)
            if len(states) == 3:
                break
    assert [machine["name"] for machine in states[0]["machines"]] == ["fan", 'pump "2"']
    assert states[0]["time"] < states[1]["time"] < states[2]["time"]


def test_spectrograms_are_the_frames_of_the_detector(client, monitor):
    runner = monitor.engine.runners['pump "2"']
    judged = []
    monitor.engine.listeners.append(lambda name, change: judged.append(change))
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
        monitor.engine.listeners.pop()
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
