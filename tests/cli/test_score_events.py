"""``auscult score --window``: events with clock times, and the picture of the score over time."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.cli.score_events import EventList, recording_start

RATE = 8000


@pytest.fixture
def long(machine_sound, tmp_path) -> Path:
    """Twelve seconds, of which the seconds 4 to 6 and 9 to 10 are faulty; modified at noon."""
    parts = [machine_sound(i, 1.0, broken=i in (4, 5, 9)) for i in range(12)]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), RATE)
    noon = datetime(2026, 3, 1, 12, 0, 12).timestamp()
    os.utime(tmp_path / "long.wav", (noon, noon))
    return tmp_path / "long.wav"


def windows(*verdicts: bool | None, path: str = "a.wav", start: int = 0, **more) -> list[dict]:
    times = {"time": "2026-03-01T12:00:00+01:00", "size": 1}
    return [
        {"path": path, "start": start + i, "end": start + i + 1, "score": i, "anomalous": v, **times, **more}
        for i, v in enumerate(verdicts)
    ]


def events_of(*rows: dict) -> list[tuple]:
    events = EventList()
    for row in rows:
        events.add(row)
    return [(e.path, e.channel, e.start, e.end, e.score, e.windows) for e in events.events]


def test_consecutive_anomalous_windows_are_one_event():
    assert events_of(*windows(False, True, True, False, True)) == [
        ("a.wav", None, 1, 3, 2, 2),
        ("a.wav", None, 4, 5, 4, 1),
    ]
    assert events_of(*windows(False, None, False)) == []


def test_events_end_with_the_recording_the_channel_and_an_error():
    rows = [
        *windows(True, True),
        {"path": "a.wav", "error": "damaged"},
        *windows(True, path="b.wav"),
        *windows(True, path="c.wav", channel=0),
        *windows(True, path="c.wav", channel=1),
    ]
    assert [event[:4] for event in events_of(*rows)] == [
        ("a.wav", None, 0, 2),
        ("b.wav", None, 0, 1),
        ("c.wav", 0, 0, 1),
        ("c.wav", 1, 0, 1),
    ]


def test_events_are_listed_with_the_time_on_the_clock(run, model, long):
    output = run("score", model, long, "--window", "1").stdout
    listed = output.partition("events in")[2].splitlines()
    assert output.count("2 events in") == 1
    assert listed[3].split()[:5] == ["2026-03-01", "12:00:04–12:00:06", "4.0", "6.0", "2"]
    assert listed[4].split()[:5] == ["2026-03-01", "12:00:09–12:00:10", "9.0", "10.0", "1"]
    assert "modification time" in listed[5]


def test_no_events_are_listed_without_any_and_without_windows(run, model, long, normal_clip):
    assert "clock time" not in run("score", model, normal_clip, "--window", "1").stdout
    assert "clock time" not in run("score", model, long).stdout


def test_an_event_over_midnight_has_both_dates(machine_sound, tmp_path):
    path = tmp_path / "night.wav"
    soundfile.write(path, machine_sound(0, 2.0), RATE)
    events = EventList()
    for row in windows(True, True, path=str(path)):
        events.add({**row, "time": datetime(2026, 3, 2, 0, 0, 1).astimezone().isoformat()})
    assert "2026-03-01 23:59:59–2026-03-02 00:00:01" in events.as_text()


def test_the_start_is_derived_from_the_length_in_the_header(long, tmp_path):
    modified = datetime.fromtimestamp(long.stat().st_mtime).astimezone().isoformat()
    assert recording_start(str(long), modified, 5.0).strftime("%H:%M:%S") == "12:00:00"
    assert recording_start(str(tmp_path / "gone.wav"), modified, 5.0).strftime("%H:%M:%S") == "12:00:07"


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_the_plot_is_written(run, model, long, name):
    result = run("score", model, long, "--window", "1", "--plot", long.parent / name)
    assert result.exit_code == 0
    content = (long.parent / name).read_bytes()
    assert len(content) > 5000
    assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_the_plot_has_scores_threshold_events_and_clock(monkeypatch, run, model, long):
    figures = []
    monkeypatch.setattr("auscult.report.score_plot.save_figure", lambda figure, path: figures.append(figure))
    run("score", model, long, "--window", "1", "--plot", long.parent / "plot.png")
    (axes,) = figures[0].axes
    scores, threshold = axes.lines
    assert len(scores.get_xdata()) == 12
    assert list(scores.get_xdata()[:2]) == [0.5, 1.5]
    assert threshold.get_label().startswith("threshold")
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    assert spans == [(4, 6), (9, 10)]
    (clock,) = axes.child_axes
    figures[0].canvas.draw()
    assert "12:00:05" in [label.get_text() for label in clock.get_xticklabels()]
    assert "[s]" in axes.get_xlabel()


def test_the_plot_of_several_channels_has_a_line_each(monkeypatch, run, model, machine_sound, tmp_path):
    both = np.stack([machine_sound(7, 2.0), machine_sound(7, 2.0, broken=True)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", both, RATE)
    figures = []
    monkeypatch.setattr("auscult.report.score_plot.save_figure", lambda figure, path: figures.append(figure))
    options = ("--window", "1", "--each-channel", "--plot", tmp_path / "plot.png")
    run("score", model, tmp_path / "stereo.wav", *options)
    assert [line.get_label() for line in figures[0].axes[0].lines[:2]] == ["channel 0", "channel 1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot", "p.png"], "--plot requires --window"),
        (["--window", "1", "--plot", "p.png", "-o", "s.csv"], "--plot and --output"),
        (["--window", "1", "--plot", "p.xyz"], "unsupported image format"),
        (["--window", "1", "--plot", "nowhere/p.png"], "does not exist"),
    ],
)
def test_unusable_plots_are_refused_before_scoring(run, model, long, monkeypatch, options, message):
    monkeypatch.chdir(long.parent)
    monkeypatch.setattr("auscult.model.Model.score_recording", lambda *_, **__: pytest.fail("scored"))
    result = run("score", model, long, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_plot_of_several_recordings_is_refused(run, model, long, normal_clip):
    result = run("score", model, long, normal_clip, "--window", "1", "--plot", long.parent / "p.png")
    assert result.exit_code == 2
    assert "--plot draws one recording, got 2" in result.stderr
