"""Faults of simulated machines, set by a client."""

from __future__ import annotations

import pytest
from tests.monitor.web.conftest import running, wait_for

from auscult.monitor.simulated import SimulatedFleet


@pytest.fixture(scope="module")
def fleet():
    return SimulatedFleet(["fan"])


@pytest.fixture(scope="module")
def client(fleet, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "store"
    with running(fleet.watched({"simulated fan": model}), folder, simulation=fleet) as monitor:
        wait_for(lambda: monitor.engine.runners["simulated fan"].last)
        with monitor.client() as client:
            yield client


def test_faults_are_listed_set_and_ended(client, fleet):
    info = client.get("api/info").json()
    assert info["simulation"]
    assert info["write"]
    assert info["faults"] == fleet.faults()
    assert info["severity"] == fleet.severity
    (machine,) = client.get("api/machines").json()["machines"]
    assert machine["simulation"] == {"faults": fleet.faults("simulated fan"), "fault": None}
    fault, address = info["faults"][0], f"api/machines/{machine['id']}/fault"
    assert client.post(address, json={"fault": fault, "severity": 0.5}).status_code == 200
    assert (fleet.fault("simulated fan").name, fleet.fault("simulated fan").severity) == (fault, 0.5)
    wait_for(lambda: client.get("api/machines").json()["machines"][0]["simulation"]["fault"])
    assert client.post(address, json={"fault": None}).status_code == 200
    assert fleet.fault("simulated fan") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"fault"',
        b'{"fault": 5}',
        b'{"fault": "no such fault"}',
        b'{"fault": null, "severity": 2}',
        b'{"fault": null, "severity": "1"}',
        b'{"fault": null, "severity": true}',
        b'{"fault": null, "severity": NaN}',
        b'{"fault": null, "other": 1}',
        b"\xff\xfe",
        b"[" * 60_000,
    ],
)
def test_wrong_requests(client, fleet, body):
    machine = client.get("api/machines").json()["machines"][0]["id"]
    response = client.post(f"api/machines/{machine}/fault", content=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]
    assert fleet.fault("simulated fan") is None


def test_a_machine_that_does_not_exist(client):
    assert client.post("api/machines/99/fault", json={"fault": None}).status_code == 404
