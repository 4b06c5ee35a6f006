"""``monitor`` and ``events`` on recordings that are replayed."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, model_of_noise, model_without_alarms, noise

from auscult.decision.alarms.slow_baseline import BLOCK_SECONDS, SlowBaseline
from auscult.model.model_file import load_model
from auscult.monitor.store import StoreReader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitor")
    model_without_alarms().save(str(folder / "plain.auscult"))
    model_of_noise().save(str(folder / "fan.auscult"))
    faulty = np.concatenate([noise(25, 1), noise(15, 2, level=0.4), noise(25, 3)])
    soundfile.write(folder / "long.wav", faulty, RATE, subtype="FLOAT")
    soundfile.write(folder / "quiet.wav", noise(20, 4), RATE)
    return folder


def test_an_alarm_is_printed_and_stored(run, folder, tmp_path):
    store = tmp_path / "store"
    result = run(
        "monitor", folder / "fan.auscult", "--source", folder / "long.wav", "--speed", "max", "--store", store
    )
    assert result.exit_code == 0
    started, ended = result.stdout.splitlines()
    assert "fan  ALARM started, sustained score " in started
    assert ", threshold " in started
    assert "ALARM ended after " in ended
    assert "fan: ended, score " in result.stderr.splitlines()[-1]
    assert "on probation" in result.stderr
    (event,) = json.loads(run("events", store, "--json").stdout)
    assert (event["machine"], event["kind"], event["state"]) == ("fan", "alarm", "probation")
    assert event["peak"] > event["threshold"]
    assert event["explanation"]["regions"]
    assert "probation" in run("events", store).stdout
    assert json.loads(run("events", store, "--json", "--since", "1h").stdout)
    assert run("events", store, "--machine", "pump").exit_code == 2
    assert json.loads(run("events", store, "--json", "--since", "2100-01-01").stdout) == []
    assert json.loads(run("events", store / "events.sqlite", "--json").stdout)
    for wrong in ("²h", ".h", "nanh", "-1h", "h", ""):
        assert run("events", store, "--since", wrong).exit_code == 2
    assert "fan" in run("status", store / "events.sqlite").stdout


@pytest.mark.slow
def test_the_slow_baseline_is_followed_without_output(run, folder, tmp_path):
    model = load_model(str(folder / "fan.auscult"))
    policy = replace(model.alarm_policy, baseline=SlowBaseline(0.0, 2.0, 10.0))
    model.with_alarm_policy(policy).save(str(tmp_path / "fan.auscult"))
    soundfile.write(tmp_path / "long.wav", noise(BLOCK_SECONDS + 60, 7), RATE)
    result = run(
        "monitor", tmp_path / "fan.auscult", "--source", tmp_path / "long.wav", "--speed", "max", "--no-page",
        "--store", tmp_path / "store",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    with StoreReader(tmp_path / "store") as store:
        scores = store.scores("fan", 0, time.time() + 1000, points=10_000)
    assert int(np.sum(scores.count)) > BLOCK_SECONDS / 1.024


def test_json_lines(run, folder, tmp_path):
    result = run(
        "monitor", folder / "fan.auscult", "--source", folder / "long.wav", "--speed", "max", "--json", "-q",
        "--store", tmp_path / "store", "--name", "fan 3",
    )  # fmt: skip
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["alarm"] for line in lines] == ["started", "ended"]
    assert {line["machine"] for line in lines} == {"fan 3"}
    assert result.stderr == ""


def test_several_machines_of_a_file(run, folder, tmp_path):
    config = folder / "monitor.toml"
    config.write_text(
        f'store = "{tmp_path / "store"}"\n'
        '[[machine]]\nname = "a"\nmodel = "fan.auscult"\nsource = "' + str(folder / "quiet.wav") + '"\n'
        '[[machine]]\nname = "b"\nmodel = "plain.auscult"\nsource = "nothing.wav"\n'
    )
    result = run("monitor", "--config", config, "-q")
    assert result.exit_code == 1
    assert "Error: b: nothing.wav" in result.stderr
    assert "Error: a" not in result.stderr


@pytest.mark.slow
def test_events_are_sent_to_a_webhook(start, folder, tmp_path):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        config = tmp_path / "monitor.toml"
        config.write_text(
            f'[webhook]\nurl = "http://127.0.0.1:{server.server_address[1]}/"\n'
            f'[[machine]]\nname = "fan"\nmodel = "{folder / "fan.auscult"}"\n'
            f'source = "watch:{tmp_path / "incoming"}"\n'
        )
        (tmp_path / "incoming").mkdir()
        faulty = np.concatenate([noise(25, 1), noise(15, 2, level=0.4), noise(25, 3)])
        soundfile.write(tmp_path / "incoming" / "long.wav", faulty, RATE, subtype="FLOAT")
        process = start("monitor", "--config", config, "-q", "--no-page")
        deadline = time.monotonic() + 60
        while len(received) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        server.shutdown()
    assert [(m["subject"], m["change"]) for m in received] == [("alarm", "started"), ("alarm", "ended")]
    assert received[1]["event"]["explanation"]["regions"]


def test_a_model_without_alarms_says_how_to_set_them(run, folder, tmp_path):
    result = run(
        "monitor", folder / "plain.auscult", "--source", folder / "quiet.wav", "--speed", "max",
        "--store", tmp_path / "store",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "auscult calibrate" in result.stderr
    assert run("events", tmp_path / "store").stdout == "no events\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fan.auscult", "--config", "monitor.toml"),
        ("fan.auscult", "--speed", "0"),
        ("--config", "monitor.toml", "--source", "mic"),
        ("--config", "nothing.toml"),
    ],
)
def test_wrong_usage(run, arguments, tmp_path):
    result = run("monitor", *arguments, "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert "Error:" in result.stderr


def test_a_signal_ends_it(start, folder, tmp_path):
    process = start(
        "monitor", folder / "fan.auscult", "--source", folder / "quiet.wav", "--store", tmp_path / "store"
    )
    assert process.stderr.readline().startswith("fan: ")
    assert "Ctrl-C ends" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_simulated_machines(start, run, tmp_path):
    arguments = ("monitor", "--simulate", "--machines", "fan", "--store", tmp_path / "store")
    for seconds in (60, 5):  # the second start uses the same models
        process = start(*arguments)
        lines = [process.stderr.readline()]
        assert lines[0].startswith("SIMULATION of 1 machine")
        begun = time.monotonic()
        while "Ctrl-C ends" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert process.poll() is None, lines
        assert time.monotonic() - begun < 4 * seconds  # the computer may be busy
        assert any("simulated fan: " in line and "on probation" in line for line in lines)
        with StoreReader(tmp_path / "store") as reader:
            while reader.score_age("simulated fan") is None:
                time.sleep(0.2)
                assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert not [line for line in process.stderr if "Traceback" in line]
    assert "cannot be combined" in run(*arguments, "--source", "mic").stderr


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_a_source_that_cannot_be_reached_is_reported_at_once(start, folder, tmp_path):
    process = start(
        "monitor", folder / "plain.auscult", "--source", "http://127.0.0.1:1/sound", "--no-page",
        "--store", tmp_path / "store",
    )  # fmt: skip
    with process:
        while "no sound: " not in (line := process.stderr.readline()):
            assert line, "the monitor has ended"
        assert line.startswith("plain: no sound: ")
        process.send_signal(signal.SIGINT)
        assert "plain: no sound yet" in process.stderr.read()
        assert process.wait(20) == 0


def test_a_machine_that_cannot_be_monitored_is_reported_while_others_go_on(start, run, folder, tmp_path):
    model = folder / "plain.auscult"
    config = tmp_path / "monitor.toml"
    config.write_text(
        f'store = "store"\n[[machine]]\nname = "fan"\nmodel = "{model}"\nsource = "{folder / "long.wav"}"\n'
        f'[[machine]]\nname = "pump"\nmodel = "{model}"\nsource = "{tmp_path / "nowhere.wav"}"\n'
    )
    assert "--speed cannot be combined" in run("monitor", "--config", config, "--speed", "max").stderr
    process = start("monitor", "--config", config, "--no-page")
    with process:
        while not (line := process.stderr.readline()).startswith("Error: "):
            assert line, "the monitor has ended"
        assert "nowhere.wav: no such file" in line
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "Error: " not in process.stderr.read()
        assert process.wait(20) == 1


def test_simulated_and_real_machines_are_not_mixed(run, folder, tmp_path):
    store = tmp_path / "store"
    run(
        "monitor",
        folder / "fan.auscult",
        "--source",
        folder / "quiet.wav",
        "--speed",
        "max",
        "--store",
        store,
    )
    result = run("monitor", "--simulate", "--store", store)
    assert result.exit_code == 2
    assert "has real machines (fan)" in result.stderr
    assert run("monitor", "--simulate", "--machines", "engine").exit_code == 2
    assert run("monitor", folder / "fan.auscult", "--simulate").exit_code == 2


def test_the_password_of_a_source_is_not_printed(run, folder, tmp_path):
    config = tmp_path / "monitor.toml"
    config.write_text(
        f'store = "store"\n[[machine]]\nname = "b"\nmodel = "{folder / "fan.auscult"}"\n'
        'source = "unknown://user:secret@127.0.0.1:9/x"\nsample_rate = 1\n'  # which ends it
    )
    result = run("monitor", "--config", config, "--no-page")
    assert "b: unknown://***@127.0.0.1:9/x; " in result.stderr
    assert "secret" not in result.output + result.stderr
