"""States of all machines in a stream: all at first, then what has changed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
from tests.monitor.web.conftest import wait_for
from tests.monitor.web.test_live import messages

from auscult.monitor.web.client import Client
from auscult.monitor.web.messages import status_message
from auscult.monitor.web.statuses import Snapshot


def merged(known: dict, update: dict) -> dict:
    """The states after an update, as a client computes them."""
    machines = {machine["id"]: machine for machine in known["machines"]}
    for changes in update["machines"]:
        machines[changes["id"]] = {**machines[changes["id"]], **changes}
    return {**known, **update, "machines": list(machines.values())}


@pytest.fixture(scope="module")
def states(monitor) -> list[Snapshot]:
    """Three successive states of real machines."""
    statuses = monitor.server.hub._states.__self__.statuses
    taken = [statuses.snapshot()]
    for _ in range(2):
        taken.append(wait_for(lambda: (now := statuses.snapshot()).machines != taken[-1].machines and now))
    return taken


def test_updates_give_what_the_api_gives(client, monitor):
    with client.stream("GET", "api/stream") as response:
        (first, known), *updates = islice(messages(response), 5)
    assert first == "status"
    names = set(client.get("api/machines").json()["machines"][0])
    for kind, data in updates:
        assert kind == "update"
        pump = data["machines"][-1]
        assert {"id", "time", "score"} <= set(pump)
        assert not {"name", "source", "model", "state", "last_event"} & set(pump)
        known = merged(known, data)
        assert all(set(machine) == names for machine in known["machines"])
    assert known["time"] == updates[-1][1]["time"]


def test_a_client_that_missed_states_gets_all_that_has_changed_since(states):
    first, _, last = (json.loads(state.body) for state in states)
    assert merged(first, json.loads(states[2].changes(states[0]))) == last

    async def received() -> list[bytes]:
        client = Client(asyncio.get_running_loop(), None, status_message)
        client.set_status(states[0])
        parts = [await client.take()]
        client.set_status(states[1])  # replaced before it is taken
        client.set_status(states[2])
        return [*parts, await client.take()]

    full, update = asyncio.run(received())
    assert full == b"event: status\ndata: " + states[0].body + b"\n\n"
    assert update == b"event: update\ndata: " + states[2].changes(states[0]) + b"\n\n"


def test_conditions_of_the_monitor_and_other_machines(states):
    before, now = states[:2]
    disk = [{"condition": "disk full", "start": 1.0, "end": None, "detail": ""}]
    assert "health" not in json.loads(now.changes(before))
    assert json.loads(replace(now, health=disk).changes(before))["health"] == disk
    assert json.loads(now.changes(replace(before, health=disk)))["health"] == []
    fewer = replace(before, machines=before.machines[:1])
    assert now.changes(fewer) is None
    assert status_message(now, fewer).startswith(b"event: status\n")


def test_bytes_of_three_hundred_machines(states):
    """A second of 300 machines that are all judged is much less than all that is known of them."""
    rule = states[0].machines[-1]["policy"]  # what is said of an alarm rule changes once a minute only
    before, now = (_many(state, 300, seed, rule) for seed, state in enumerate(states[:2]))
    assert len(now.machines) == 300
    size = len(now.changes(before))
    assert len(now.body) > 5 * size
    assert size < 40_000
    quiet = Snapshot(now.time + 1, now.machines, [])
    assert len(quiet.changes(now)) < 100


def _many(state: Snapshot, count: int, seed: int, rule: dict) -> Snapshot:
    """States of many machines like the last one, with scores of their own and the same alarm rule."""
    figure = partial(round, ndigits=6)
    scores = np.random.default_rng(seed).normal(size=(count, 2)).tolist()
    machines = [
        {
            **state.machines[-1],
            "id": number,
            "name": f"machine {number}",
            "policy": rule,
            "score": figure(score),
            "persistent": figure(persistent),
            "last_event": state.machines[0]["last_event"],
        }
        for number, (score, persistent) in enumerate(scores)
    ]
    return Snapshot(state.time, machines, [])
