"""The JSON API of a running monitor."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import quote, urlencode

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.monitor.web.conftest import RATE, START, running, wait_for
from tools.doc_snippets import DOCS

import auscult
from auscult.spectrum import band_centres, log_mels


def get(client, address, **parameters):
    response = client.get(address, params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


@pytest.fixture
def fan(client):
    return next(machine for machine in get(client, "api/machines")["machines"] if machine["name"] == "fan")


def pixels(picture):
    steps = np.frombuffer(base64.b64decode(picture["data"]), np.uint8)
    steps = steps.reshape(picture["rows"], picture["columns"])
    return picture["low"] + steps / 255 * (picture["high"] - picture["low"])


def test_info(client):
    info = get(client, "api/info")
    assert info == {
        "version": auscult.__version__,
        "simulation": False,
        "faults": [],
        "severity": None,
        "write": False,
    }


def test_states_of_all_machines(client, monitor, fan):
    states = get(client, "api/machines")
    assert [machine["name"] for machine in states["machines"]] == ["fan", 'pump "2"']
    assert {health["condition"] for health in states["health"]} <= {"overload"}  # of a busy computer
    pump = states["machines"][1]
    one = get(client, f"api/machines/{pump['id']}")
    assert one["name"] == 'pump "2"'
    front_end = monitor.engine.runners["fan"].machine.model.detector.config.front_end
    np.testing.assert_allclose(one["spectrogram"]["frequencies"], band_centres(front_end), atol=0.1)
    assert one["spectrogram"]["step"] == front_end.hop / RATE
    assert (fan["source"], fan["model"], fan["ended"], pump["ended"]) == ("fan.wav", "a1b2", True, False)
    assert (pump["state"], pump["condition"], pump["error"], pump["alarm"]) == ("running", None, None, False)
    assert pump["score"] < pump["threshold"]
    assert pump["release"] < pump["threshold"]
    assert 0 <= pump["age"] < 5
    assert pump["real_time_factor"] > 1
    assert (pump["policy"]["state"], pump["policy"]["budget"]) == ("probation", "1/week")
    assert pump["policy"]["raised"] is True
    assert pump["policy"]["missing_seconds"] > 86400
    assert "on probation" in pump["policy"]["text"]
    assert fan["policy"]["observed_alarms"] == 1
    assert fan["open_event"] is None
    assert fan["last_event"]["kind"] == "alarm"
    assert fan["alarms_today"] in (0, 1)  # the recording may begin before midnight


def test_scores(client, monitor, fan):
    complete = get(client, f"api/machines/{fan['id']}/scores", since=START, until=START + 100)
    assert complete["resolution"] == "sample"
    assert len(complete["time"]) == monitor.engine.runners["fan"].windows
    assert {len(column) for key, column in complete.items() if key != "resolution"} == {len(complete["time"])}
    assert max(complete["score"]) > complete["threshold"][0] > min(complete["score"])
    assert complete["lowest"] == complete["score"] == complete["highest"]
    assert None in complete["persistent"]
    assert all(isinstance(level, float) for level in complete["level"])
    few = get(client, f"api/machines/{fan['id']}/scores", since=START, until=START + 100, points=5)
    assert 1 <= len(few["time"]) <= 5
    assert max(few["highest"]) == max(complete["score"])
    assert get(client, f"api/machines/{fan['id']}/scores", since=5, until=6)["time"] == []
    assert get(client, f"api/machines/{fan['id']}/scores")["time"]


def test_trend(client, monitor, fan):
    trend = get(client, f"api/machines/{fan['id']}/trend")
    assert all(isinstance(sentence, str) for sentence in trend["text"])
    (hour,) = trend["series"]["time"]  # of the minute that was replayed
    assert hour <= START + 100 < hour + 7200
    assert len(trend["series"]["score"]) == len(trend["series"]["level"]) == 1


def test_gaps_and_health(client, fan):
    assert isinstance(get(client, f"api/machines/{fan['id']}/gaps", since=0), list)
    assert get(client, f"api/machines/{fan['id']}/health", limit=5) == []


def test_events(client, fan):
    (event,) = get(client, "api/events", kind="alarm")["events"]
    assert (event["machine"], event["name"], event["kind"]) == (fan["id"], "fan", "alarm")
    assert START + 25 < event["start"] < event["end"]
    assert event["peak"] > event["threshold"]
    assert event["explanation"]["regions"]
    assert get(client, "api/events", machine=fan["id"], kind="alarm", since=START)["events"] == [event]
    for nothing in ({"machine": fan["id"] + 1}, {"lasting": "true"}, {"before": event["id"]}, {"until": 5}):
        assert get(client, "api/events", kind="alarm", **nothing)["events"] == []
    detail = get(client, f"api/events/{event['id']}")
    assert {(s["sample_rate"], s["role"]) for s in detail.pop("sounds")} == {
        (RATE, "event"),
        (RATE, "peak"),
        (RATE, "normal"),
    }
    assert detail.pop("feedback") == []
    assert detail == event


def test_the_map_shows_the_window_of_the_explanation(client, monitor):
    (event,) = get(client, "api/events", kind="alarm")["events"]
    picture = get(client, f"api/events/{event['id']}/map")
    stored = monitor.engine.store.read.event_map(event["id"])
    np.testing.assert_allclose(
        pixels(picture), stored.T, atol=(picture["high"] - picture["low"]) / 255, rtol=0
    )
    assert len(picture["frequencies"]) == picture["rows"]
    assert picture["start"] + picture["seconds"] == pytest.approx(event["peak_time"], abs=0.3)


def test_sound_and_spectrogram(client, monitor):
    (event,) = get(client, "api/events", kind="alarm")["events"]
    front_end = monitor.engine.runners["fan"].machine.model.detector.config.front_end
    for sound in get(client, f"api/events/{event['id']}")["sounds"]:
        response = client.get(f"api/sounds/{sound['id']}")
        assert response.headers["content-type"] == "audio/flac"
        samples, rate = soundfile.read(io.BytesIO(response.content), dtype="float32")
        assert rate == RATE
        assert len(samples) == pytest.approx(sound["seconds"] * RATE)
        picture = get(client, f"api/events/{event['id']}/spectrogram", role=sound["role"])
        (expected,) = log_mels([monitor.engine.store.read.read_sound(sound["id"])[0][:, 0]], front_end)
        span = picture["high"] - picture["low"]
        np.testing.assert_allclose(pixels(picture), expected.T, atol=span / 255, rtol=0)
        np.testing.assert_allclose(picture["frequencies"], band_centres(front_end), atol=0.1)
        assert picture["start"] == sound["start"]
    assert client.get(f"api/events/{event['id']}/spectrogram?role=other").status_code == 400


def test_sounds_that_were_deleted(machines, tmp_path):
    with running(machines()[:1], tmp_path / "store") as monitor, monitor.client() as client:
        wait_for(lambda: monitor.engine.runners["fan"].ended)
        (event,) = get(client, "api/events", kind="alarm")["events"]
        for file in (tmp_path / "store" / "sounds").iterdir():
            file.unlink()
        sounds = get(client, f"api/events/{event['id']}")["sounds"]
        addresses = [f"api/sounds/{sound['id']}" for sound in sounds]
        for address in (*addresses, f"api/events/{event['id']}/spectrogram"):
            response = client.get(address)
            assert response.status_code == 404
            assert str(tmp_path) not in response.text


def test_a_damaged_store_is_an_error(machines, tmp_path):
    with running(machines()[:1], tmp_path / "store") as monitor, monitor.client() as client:
        wait_for(lambda: monitor.engine.runners["fan"].ended)
        monitor.server._reader.close()
        for address in ("api/events", "api/machines", "metrics", "api/machines/1/scores"):
            response = client.get(address)
            assert response.status_code == 503, address
            assert "store" in response.json()["error"]
            assert str(tmp_path) not in response.text
        assert client.get("api/info").status_code == 200


def test_parts_of_a_sound(client):
    (event,) = get(client, "api/events", kind="alarm")["events"]
    sound = get(client, f"api/events/{event['id']}")["sounds"][0]
    address = f"api/sounds/{sound['id']}"
    complete = client.get(address)
    assert complete.headers["accept-ranges"] == "bytes"
    size = len(complete.content)
    for header, first, last in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=5-{10 * size}", 5, size),
    ):
        part = client.get(address, headers={"range": header})
        assert part.status_code == 206
        assert part.content == complete.content[first:last]
        assert part.headers["content-range"] == f"bytes {first}-{last - 1}/{size}"
    assert client.get(address, headers={"range": f"bytes={size}-"}).status_code == 416
    for wrong in ("bytes=9-5", "bytes=x-y", "lines=1-2", "bytes="):
        assert client.get(address, headers={"range": wrong}).status_code in (400, 416)
    head = client.head(address)
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, size, b"")


IDS = ["0", "-1", "99999", "9" * 19, "9" * 30, "1.0", "1e0", "x", "%31x", "١", "1%00", "..", "%2e%2e"]
ROUTES = [
    "api/machines/{}",
    "api/machines/{}/scores",
    "api/machines/{}/gaps",
    "api/machines/{}/health",
    "api/machines/{}/trend",
    "api/events/{}",
    "api/events/{}/map",
    "api/events/{}/spectrogram",
    "api/sounds/{}",
]


@pytest.mark.parametrize("route", ROUTES)
def test_numbers_that_do_not_exist(client, route):
    for number in IDS:
        response = client.get(route.format(number))
        assert response.status_code == 404, number
        assert response.json()["error"]


@pytest.mark.parametrize(
    "address",
    [
        "api/machines/1/scores?since=x",
        "api/machines/1/scores?since=nan",
        "api/machines/1/scores?since=-5",
        "api/machines/1/scores?since=1e300",
        "api/machines/1/scores?since=10&until=5",
        "api/machines/1/scores?points=0",
        "api/machines/1/scores?points=10001",
        "api/machines/1/scores?points=1.5",
        "api/machines/1/scores?poins=5",
        "api/machines/1/gaps?since=1" + "0" * 100,
        "api/machines/1/health?limit=1001",
        "api/events?kind=other",
        "api/events?limit=-1",
        "api/events?before=x",
        "api/events?machine=x",
        "api/events?lasting=perhaps",
        "api/stream?machine=x",
    ],
)
def test_wrong_parameters(client, address):
    response = client.get(address)
    assert response.status_code == 400
    assert response.json()["error"]


def test_other_addresses_and_methods(client):
    for address in ("api", "api/", "api/other", "other"):
        response = client.get(address)
        assert response.status_code == 404, address
        assert response.json()["error"]
    assert client.get("api/events?machine=99").status_code == 404
    assert client.get("api/stream?machine=99").status_code == 404
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = client.request(method, "api/machines")
        assert response.status_code == 405
        assert response.json()["error"]
    refused = client.post("api/machines/1/fault", json={"fault": None})
    assert refused.status_code == 403
    assert "not simulated" in refused.json()["error"]


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["1", "-1", "0", "1e9", "nan", "inf", "..", "true", "alarm", "null"]
)
NAMES = ["machines", "events", "sounds", "scores", "gaps", "health", "trend", "map", "spectrogram", "info"]
PARAMETERS = ["since", "until", "points", "machine", "kind", "lasting", "before", "limit", "role"]


@given(
    st.lists(st.sampled_from([*NAMES, "1", "2"]) | TEXTS, max_size=4),
    st.dictionaries(st.sampled_from(PARAMETERS) | TEXTS, TEXTS, max_size=3),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
    st.binary(max_size=50),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_request_has_an_answer(client, parts, query, method, body):
    path = "/".join(["api", *(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in parts)])
    text = urlencode({key: value.encode("utf-8", "surrogatepass") for key, value in query.items()})
    response = client.request(method, f"{path}?{text}", content=body)
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and method != "HEAD":
        assert response.json()["error"]


def test_what_the_documentation_names_is_answered(client, fan):
    text = (DOCS / "reference" / "monitor-page.md").read_text(encoding="utf-8")
    addresses = re.findall(r"^\| `GET ([^`]+)` \|", text, re.MULTILINE)
    assert len(addresses) == 13
    event = get(client, "api/events", kind="alarm")["events"][0]["id"]
    for address in addresses:
        number = fan["id"] if "machines" in address else event
        with client.stream("GET", address.replace("/N", f"/{number}")) as response:
            assert response.status_code == 200, address
    metrics = re.findall(r"^# TYPE (\w+)", client.get("metrics").text, re.MULTILINE)
    assert not [name for name in metrics if f"`{name}`" not in text]
    assert set(re.findall(r"`(auscult_\w+)`", text)) == set(metrics)


def test_metrics(client, monitor):
    response = client.get("metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['auscult_alarms_total{machine="fan"}'] == "1"
    assert samples['auscult_ended{machine="fan"}'] == "1"
    assert samples['auscult_state{machine="pump \\"2\\"",state="running"}'] == "1"
    assert samples['auscult_state{machine="pump \\"2\\"",state="off"}'] == "0"
    assert samples['auscult_condition{machine="fan",condition="silent"}'] == "0"
    assert float(samples['auscult_sample_age_seconds{machine="pump \\"2\\""}']) < 5
    assert float(samples['auscult_real_time_factor{machine="pump \\"2\\""}']) > 1
    assert int(samples['auscult_windows_total{machine="fan"}']) == monitor.engine.runners["fan"].windows
    assert samples["auscult_disk_full"] == "0"
    kinds = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}
    assert {name.partition("{")[0] for name in samples} <= set(kinds)
    assert all((kind == "counter") == name.endswith("_total") for name, kind in kinds.items())
