"""Recordings that are dropped into a folder are judged once, with the scores of `auscult score`."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from tests.monitor.watch.conftest import RATE

import auscult
from auscult.errors import CorpusError, ModelFileError, OptionError
from auscult.monitor.store import EventStore
from auscult.monitor.watch import FolderProblem, FolderWatch, ModelChange, ModelFolder, Overdue, Removed


def test_scores_are_those_of_the_models(watching, models, incoming, drop):
    paths = [
        drop(incoming / name / f"{i}.wav", i, broken=i == 3) for name in ("fan", "pump") for i in range(4)
    ]
    with watching() as watched:
        watched.wait(lambda: len(watched.recordings) == 8)
        for path in paths:
            name = os.path.relpath(path, incoming)
            expected = auscult.load(models / f"{path.parent.name}.auscult").score(path)
            (recording,) = (r for r in watched.recordings if r.file.name == name)
            assert recording.score == replace(expected, path=str(path))
            assert (recording.file.score, recording.file.threshold) == (expected.score, expected.threshold)
            assert recording.file.result == expected.verdict
        assert watched.results["fan/3.wav"] == "anomaly"
        assert watched.results["fan/2.wav"] == "normal"


def test_an_anomalous_recording_is_an_event_with_sound_map_and_explanation(once, incoming, drop, tmp_path):
    path = drop(incoming / "fan" / "bad.wav", 1, broken=True, age=5)
    once()
    with EventStore(tmp_path / "store") as store:
        (event,) = store.read.events()
        assert (event.machine, event.kind, event.end) == ("fan", "alarm", None)
        assert event.peak == event.score > event.threshold
        assert event.start == pytest.approx(path.stat().st_mtime - 1.0)
        assert event.peak_time == pytest.approx(path.stat().st_mtime)
        assert event.explanation["recording"] == "fan/bad.wav"
        assert event.explanation["regions"]
        assert store.read.event_map(event.id).shape[1] == 128
        (sound,) = store.read.sounds(event.id)
        samples, rate = store.read.read_sound(sound.id)
        assert rate == RATE
        assert np.allclose(samples[:, 0], soundfile.read(path)[0], atol=1e-6)
        assert store.read.last_judged("fan")[0].event == event.id


def test_successive_anomalous_recordings_are_one_event(once, incoming, drop, tmp_path):
    for i, broken in enumerate([False, True, True, True, False, True]):
        drop(incoming / "fan" / f"{i}.wav", i, broken=broken, age=1000 - 100 * i)
    drop(incoming / "pump" / "0.wav", age=650)
    watched = once()
    with EventStore(tmp_path / "store") as store:
        last, first = store.read.events()
        assert (first.explanation["recordings"], last.explanation["recordings"]) == (3, 1)
        now = time.time()
        assert first.start == pytest.approx(now - 901, abs=5)
        assert first.end == pytest.approx(now - 700, abs=5)
        assert last.end is None
        assert store.read.last_judged("fan")[0].arrived == pytest.approx(now - 500, abs=5)
        scores = [r.score.score for r in watched.recordings if r.file.event == first.id]
        assert first.peak == max(scores)
        assert first.score == scores[0]
        assert len(scores) == 3
    drop(incoming / "fan" / "6.wav", 6)  # the event ends in the next process
    once()
    with EventStore(tmp_path / "store") as store:
        assert store.read.events()[0].end == pytest.approx(now - 500, abs=5)
        assert len(store.read.events()) == 2


def test_a_torn_file_is_judged_when_it_is_complete(watching, incoming, drop, tmp_path):
    complete = drop(tmp_path / "fan.wav").read_bytes()
    with watching() as watched:
        with open(incoming / "fan" / "slow.wav", "wb") as file:
            for start in range(0, len(complete), 2000):
                file.write(complete[start : start + 2000])
                file.flush()
                time.sleep(0.1)
        watched.wait(lambda: watched.recordings)
        assert watched.results == {"fan/slow.wav": "normal"}
        # A recorder that stops in the middle for longer than the attempts take.
        (incoming / "fan" / "torn.wav").write_bytes(complete[:5000])
        watched.wait(lambda: watched.results.get("fan/torn.wav") == "unusable")
        (incoming / "fan" / "torn.wav").write_bytes(complete)
        watched.wait(lambda: watched.results["fan/torn.wav"] == "normal")
        assert watched.store.read.last_judged("fan", 9)[0].result == "normal"


def test_a_file_whose_header_declares_no_length_is_waited_for(watching, incoming, machine_sound, settings):
    from auscult.sound.live.watched_folder import UNDECLARED_FACTOR

    path = incoming / "fan" / "open.flac"
    soundfile.write(path, machine_sound(5), RATE, format="FLAC")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the number of samples, 36 bits
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert auscult.sound.audio_info(path).seconds is None
    started = time.monotonic()
    with watching() as watched:
        watched.wait(lambda: watched.recordings)
        assert time.monotonic() - started > UNDECLARED_FACTOR * settings.settle
        assert watched.results == {"fan/open.flac": "normal"}


def test_bad_files_do_not_stop_the_others(once, incoming, drop):
    (incoming / "fan" / "text.wav").write_text("no audio")
    (incoming / "fan" / "empty.wav").touch()
    (incoming / "fan" / "short.wav").write_bytes(drop(incoming / "fan" / "good.wav").read_bytes()[:60])
    (incoming / "fan" / "link.wav").symlink_to("nowhere")
    os.mkfifo(incoming / "fan" / "pipe.wav")
    (incoming / "fan" / "notes.txt").write_text("hello")
    (incoming / "fan" / ".hidden.wav").write_text("hello")
    watched = once()
    assert watched.results == {
        "fan/good.wav": "normal",
        "fan/text.wav": "unusable",
        "fan/empty.wav": "unusable",
        "fan/short.wav": "unusable",
    }
    reasons = {r.file.name: r.file.detail["reason"] for r in watched.recordings if not r.score}
    assert "empty" in reasons["fan/empty.wav"]
    assert once().recordings == []  # they are not tried again as long as they do not change


def test_a_recording_of_no_machine_is_refused_until_there_is_a_model(watching, incoming, models, drop):
    with watching() as watched:
        shutil.copy(drop(incoming / "fan" / "a.wav"), incoming / "press_1.wav")
        watched.wait(lambda: len(watched.recordings) == 2)
        assert watched.results == {"fan/a.wav": "normal", "press_1.wav": "refused"}
        shutil.copy(models / "fan.auscult", models / "press.auscult")
        watched.wait(lambda: watched.results["press_1.wav"] == "normal")
        assert ModelChange("press", "new") in watched.reports


def test_refused_recordings_are_not_reported_by_every_process(once, incoming, models, drop):
    shutil.copy(drop(incoming / "fan" / "a.wav"), incoming / "press_1.wav")
    once()
    assert once().recordings == []
    shutil.copy(models / "fan.auscult", models / "press.auscult")
    assert once().results == {"press_1.wav": "normal"}


def test_a_changed_model_is_used(watching, incoming, models, drop):
    with watching() as watched:
        drop(incoming / "fan" / "1.wav", 1)
        watched.wait(lambda: watched.recordings)
        shutil.copy(models / "pump.auscult", models / ".part")
        os.replace(models / ".part", models / "fan.auscult")
        watched.wait(lambda: ModelChange("fan", "changed") in watched.reports)
        path = drop(incoming / "fan" / "2.wav", 1)
        watched.wait(lambda: len(watched.recordings) == 2)
        first, second = watched.recordings
        assert second.score.score == auscult.load(models / "pump.auscult").score(path).score
        assert first.file.model != second.file.model
        machines = {machine.name: machine.model for machine in watched.store.read.machines()}
        assert machines["fan"] == machines["pump"] == second.file.model


def test_a_model_that_cannot_be_used(watching, incoming, models, drop):
    complete = (models / "fan.auscult").read_bytes()
    (models / "fan.auscult").write_bytes(complete[:1000])
    with watching() as watched:
        drop(incoming / "fan" / "1.wav", 1)
        drop(incoming / "pump" / "1.wav", 1)
        watched.wait(lambda: len(watched.recordings) == 2)
        assert watched.results == {"fan/1.wav": "refused", "pump/1.wav": "normal"}
        (models / "fan.auscult").write_bytes(complete)
        watched.wait(lambda: watched.results["fan/1.wav"] == "normal")
        (models / "fan.auscult").unlink()
        watched.wait(lambda: ModelChange("fan", "gone") in watched.reports)
        drop(incoming / "fan" / "2.wav", 2)
        watched.wait(lambda: watched.results.get("fan/2.wav") == "refused")


def test_nothing_is_judged_twice(once, incoming, drop, tmp_path):
    for i in range(3):
        drop(incoming / "fan" / f"{i}.wav", i)
    assert len(once().recordings) == 3
    os.utime(incoming / "fan" / "0.wav")  # touched
    (incoming / "fan" / "done").mkdir()
    os.replace(incoming / "fan" / "1.wav", incoming / "fan" / "done" / "one.wav")  # moved away when judged
    assert once().recordings == []
    drop(incoming / "fan" / "2.wav", 99)  # written again
    watched = once()
    assert watched.results == {"fan/2.wav": "normal"}
    shutil.copy(incoming / "fan" / "2.wav", incoming / "fan" / "copy.wav")  # a recording of its own
    assert once().results == {"fan/copy.wav": "normal"}
    with EventStore(tmp_path / "store") as store:
        names = {file.name: gone for file, gone in store.read.judged_files()}
    assert names == dict.fromkeys(["fan/0.wav", "fan/done/one.wav", "fan/2.wav", "fan/copy.wav"], False)


def test_files_that_are_removed_while_they_wait(watching, incoming, drop):
    with watching() as watched:
        for i in range(30):
            drop(incoming / "fan" / f"{i}.wav", i)
        watched.wait(lambda: watched.recordings)
        for path in list((incoming / "fan").iterdir()):
            path.unlink()
        drop(incoming / "fan" / "last.wav", 77)
        watched.wait(lambda: "fan/last.wav" in watched.results)
        removed = [report for report in watched.reports if isinstance(report, Removed)]
        assert set(watched.results.values()) == {"normal"}
        assert watched.watch.counts.removed == len(removed)
        assert len(watched.recordings) + len(removed) <= 31
        watched.wait(lambda: sum(gone for _, gone in watched.store.read.judged_files()) >= 1)


@pytest.mark.parametrize(
    "name",
    ["größe 風.wav", "new\nline.wav", "\x1b[31mred.wav", "-rf $(ls).wav", "\udcff\udcfe.wav", "%s.wav"],
)
def test_hostile_names(once, incoming, drop, tmp_path, name):
    drop(incoming / "fan" / name, 1, broken=True)
    assert once().results == {f"fan/{name}": "anomaly"}
    assert once().recordings == []
    with EventStore(tmp_path / "store") as store:
        assert store.read.last_judged("fan")[0].name == f"fan/{name}"


def test_times_of_modification_that_cannot_be(once, incoming, drop, tmp_path):
    drop(incoming / "fan" / "future.wav", 1, broken=True, age=-1e8)
    drop(incoming / "pump" / "past.wav", 1, broken=True, age=time.time())
    os.utime(drop(incoming / "fan" / "last.wav", 2), (2**40, 2**40))  # some file systems have such years
    os.utime(drop(incoming / "pump" / "before.wav", 2), (-1e9, -1e9))
    started = time.time()
    assert len(once().recordings) == 4
    now = time.time()
    with EventStore(tmp_path / "store") as store:
        for machine in ("fan", "pump"):
            for file in store.read.last_judged(machine):
                assert started <= file.recorded == file.arrived <= now
        assert all(event.start <= now for event in store.read.events())
    assert once().recordings == []


def test_a_machine_without_recordings_is_reported(watching, settings, incoming, drop):
    with watching(replace(settings, expected=1.5)) as watched:
        for i in range(4):
            drop(incoming / "fan" / f"{i}.wav", i)
            time.sleep(0.4)
        watched.wait(lambda: any(isinstance(report, Overdue) for report in watched.reports))
        (first, *_) = [report for report in watched.reports if isinstance(report, Overdue)]
        assert (first.machine, first.overdue, first.last) == ("pump", True, None)
        watched.wait(lambda: {h.machine for h in watched.store.read.health(lasting=True)} == {"fan", "pump"})
        drop(incoming / "fan" / "again.wav", 9)
        watched.wait(
            lambda: any(
                r.machine == "fan" and not r.overdue for r in watched.reports if isinstance(r, Overdue)
            )
        )
        assert {h.machine for h in watched.store.read.health(lasting=True)} == {"pump"}
    with watching(replace(settings, expected=1.5)) as watched:  # pump is not reported again
        watched.wait(lambda: len([r for r in watched.reports if isinstance(r, Overdue)]) == 1)
        assert watched.reports[-1].machine == "fan"


def test_recordings_that_the_user_assigns(once, settings, incoming, drop):
    drop(incoming / "odd.wav")
    chosen = replace(settings, assigned={"odd*": "fan"})
    assert [r.file.machine for r in once(chosen).recordings] == ["fan"]


def test_all_recordings_are_of_a_single_model(once, models, incoming, drop):
    drop(incoming / "whatever.wav")
    watched = once(path=models / "fan.auscult")
    assert [(r.file.machine, r.file.result) for r in watched.recordings] == [("fan", "normal")]


def test_a_subfolder_that_cannot_be_listed_is_reported(watching, incoming, drop, lock):
    drop(incoming / "fan" / "1.wav")
    lock(incoming / "pump")
    with watching() as watched:
        watched.wait(lambda: watched.recordings)
        assert FolderProblem(str(incoming / "pump"), "Permission denied") in watched.reports


def test_a_folder_that_disappears_for_a_while(watching, incoming, drop, tmp_path):
    with watching() as watched:
        drop(incoming / "fan" / "1.wav", 1)
        watched.wait(lambda: watched.recordings)
        incoming.rename(tmp_path / "away")
        watched.wait(lambda: any(isinstance(report, FolderProblem) for report in watched.reports))
        (tmp_path / "away").rename(incoming)
        drop(incoming / "fan" / "2.wav", 2)
        watched.wait(lambda: "fan/2.wav" in watched.results)
        assert len(watched.recordings) == 2


def test_what_is_refused_at_the_start(models, incoming, tmp_path):
    with EventStore(tmp_path / "store") as store:
        with pytest.raises(CorpusError):
            FolderWatch(ModelFolder(models), tmp_path / "nowhere", store)
        with pytest.raises(ModelFileError):
            FolderWatch(ModelFolder(incoming), incoming, store)
        with pytest.raises(ModelFileError):
            ModelFolder(tmp_path / "nowhere")
        with pytest.raises(OptionError):
            FolderWatch(ModelFolder(models), tmp_path, store)
