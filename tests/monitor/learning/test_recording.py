"""Recording normal running from a source."""

from __future__ import annotations

import time

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, noise
from tests.virtual_card import VirtualCard, missing

from auscult.errors import FitError
from auscult.monitor.learning.folder import NormalFolder
from auscult.monitor.learning.learn import Continued
from auscult.monitor.learning.recording import record
from auscult.simulation.running import Running
from auscult.sound.live import Block, open_source


def recorded(tmp_path, samples, seconds, notes=None):
    soundfile.write(tmp_path / "in.wav", samples, RATE, subtype="FLOAT")
    folder = NormalFolder(tmp_path / "fan-normal", "fan")
    with open_source(str(tmp_path / "in.wav"), speed="max") as source:
        notify = notes.append if notes is not None else lambda progress: None
        goes_on = record(source, iter(source), folder, seconds, notify)
    return folder, goes_on


def test_it_ends_when_there_is_enough_and_the_source_goes_on(tmp_path):
    soundfile.write(tmp_path / "in.wav", noise(100), RATE, subtype="FLOAT")
    folder = NormalFolder(tmp_path / "fan-normal", "fan")
    notes = []
    source = open_source(str(tmp_path / "in.wav"), speed="max")
    items = iter(source)
    assert record(source, items, folder, 40, notes.append)
    assert folder.seconds == 40
    assert notes[-1].seconds == notes[-1].needed == 40
    assert not any(note.problem for note in notes)
    with Continued(source, items) as continued:
        first, *rest = continued
    assert isinstance(first, Block)
    assert 43 * RATE <= first.first <= 44 * RATE
    assert rest[-1].kind == "ended"
    assert rest[-2].end == 100 * RATE


def test_progress_follows_each_second_that_will_be_kept(tmp_path):
    notes: list = []
    recorded(tmp_path, noise(100), 40, notes)
    seconds = [note.seconds for note in notes]
    assert seconds == sorted(seconds)
    assert set(seconds) == set(range(41)), "also of pieces that are not written yet"


def test_a_recording_that_was_interrupted_goes_on(tmp_path):
    folder, goes_on = recorded(tmp_path, noise(30, 1), 60)
    assert not goes_on
    assert folder.seconds == 30
    folder, goes_on = recorded(tmp_path, noise(60, 2), 60)
    assert goes_on
    assert folder.seconds >= 60
    assert {segment.run for segment in folder.segments} == {1, 2}


def test_silence_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(FitError, match=r"silent.*check microphone"):
        recorded(tmp_path, np.zeros(100 * RATE), 60)
    with pytest.raises(FitError, match=r"clipped.*lower the gain"):
        recorded(tmp_path, np.clip(noise(100, 1), -0.05, 0.05), 60)


def test_problems_are_reported_while_it_records(tmp_path):
    notes: list = []
    samples = np.concatenate([noise(30, 1), np.zeros(30 * RATE), noise(30, 2, level=0.005), noise(40, 3)])
    recorded(tmp_path, samples, 80, notes)
    problems = {note.problem.partition(":")[0] for note in notes}
    assert "sensor silent" in problems
    assert any("seems to be off" in note.problem for note in notes)


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_virtual_sound_card(tmp_path, monkeypatch):
    card = VirtualCard(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.alsa)
    card.plug_in()
    folder = NormalFolder(tmp_path / "fan-normal", "fan")
    notes: list = []
    try:
        with open_source("mic:machine", sample_rate=16000) as source:
            player = None

            def notify(progress):
                nonlocal player
                notes.append(progress)
                if player is None and progress.problem:  # there is silence before the machine runs
                    player = card.play(Running("fan").read(90 * 16000))

            items = iter(source)
            deadline = time.monotonic() + 60
            assert record(source, items, folder, 20, notify)
            assert time.monotonic() < deadline
            assert isinstance(next(items), Block), "the source goes on"
            player.kill()
            player.wait()
    finally:
        card.unplug()
    assert notes[-1].seconds >= 20
    assert "silent" in next(note.problem for note in notes if note.problem)
    assert [segment.level for segment in folder.counted] == pytest.approx(
        [-32] * len(folder.counted), abs=1.5
    )
