"""``auscult select``: its output and exit codes."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

SMALL = ("--pseudo-anomalies", 2, "--set", "n_mels=16", "-q")
TWO = ("--detectors", "pooled_gaussian,spectral_memory")


@pytest.fixture(scope="module")
def plain(run, machine):
    return run("select", machine, *TWO, *SMALL)


@pytest.fixture(scope="module")
def selection(run, machine):
    result = run("select", machine, *TWO, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json(selection):
    assert list(selection) == ["candidates", "left_out", "clips", "pseudo_anomalies", "warnings"]
    assert (selection["clips"], selection["pseudo_anomalies"], selection["left_out"]) == (24, 2, {})
    for candidate in selection["candidates"]:
        assert list(candidate) == ["detector", "score", "auc", "interval", "first", "by_kind", "seconds"]
        assert len(candidate["interval"]) == 2
        assert len(candidate["by_kind"]) == 8
    areas = [candidate["auc"] for candidate in selection["candidates"]]
    assert areas == sorted(areas, reverse=True)
    assert sum(candidate["first"] for candidate in selection["candidates"]) == pytest.approx(1)


def test_text_matches_json_and_suggests_a_command(plain, selection, machine):
    assert plain.exit_code == 0, plain.output
    lines = plain.stdout.splitlines()
    assert lines[0].startswith("AUC: 16 pseudo-anomalies against 24 normal recordings")
    rows = [line.split() for line in lines if "_" in line.split(":")[0] and "Next" not in line]
    assert [row[0] for row in rows] == [f"{c['detector']}:{c['score']}" for c in selection["candidates"]]
    assert [row[1] for row in rows] == [f"{100 * c['auc']:.1f}" for c in selection["candidates"]]
    best = selection["candidates"][0]
    assert lines[-1] == (
        f"Next:  auscult fit {machine} --detector {best['detector']} --set score={best['score']} -o MODEL"
    )
    assert "--group-by spd" in plain.stderr  # the clips may be segments of a few recordings
    assert max(map(len, lines[:-1])) <= 100  # the last line contains the folder


def test_the_suggested_command_works(run, machine, plain, tmp_path):
    words = plain.stdout.splitlines()[-1].removeprefix("Next:  auscult ").split()
    path = tmp_path / "model.auscult"
    words = [str(path) if word == "MODEL" else word for word in words]
    assert run(*words, "--calibrate", "none", "-q").exit_code == 0
    assert path.exists()


def test_the_suggested_command_has_the_same_group_by(run, machine, tmp_path):
    (tmp_path / "my fan").symlink_to(machine)
    options = ("--detectors", "spectral_memory", *SMALL, "--group-by", "spd")
    result = run("select", tmp_path / "my fan", *options)
    assert result.exit_code == 0, result.output
    words = shlex.split(result.stdout.splitlines()[-1])
    assert words[:6] == ["Next:", "auscult", "fit", str(tmp_path / "my fan"), "--group-by", "spd"]


def test_left_out_detectors_are_reported_and_exit_code_4_if_requested(run, machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for options, code in (([], 0), (["--detectors", "spectral_memory,gamma_vae"], 4)):
        result = run("select", machine, *options, *SMALL)
        assert result.exit_code == code
        assert "gamma_vae left out: " in result.stdout
        assert "auscult[train]" in result.stdout
        assert max(map(len, result.stdout.splitlines()[:-1])) <= 100
    assert run("select", machine, "--detectors", "gamma_vae", *SMALL).exit_code == 1


def test_progress(run, machine):
    result = run("select", machine, *TWO, "--pseudo-anomalies", 1, "--set", "n_mels=16")
    lines = result.stderr.splitlines()
    assert "select pooled_gaussian  (1 of 2)" in lines
    assert "select spectral_memory  (2 of 2)" in lines


def test_group_by_sets_the_source_recording(run, machine, monkeypatch):
    given = []
    monkeypatch.setattr("auscult.api.select.select", lambda clips, *_, **__: given.append(clips) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("select", machine, "--group-by", "spd")
    assert len({clip.source_recording for clip in given[0]}) == 4  # two speeds in two domains


def test_options_reach_the_library(run, machine, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "auscult.api.select.select", lambda clips, names, **k: given.update(k, names=names) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        run("select", machine, "--epochs", 3, "--device", "cpu", "--seed", 5, "--channel", 1,
            "--pseudo-anomalies", 7, "--set", "n_mels=32", "-q")  # fmt: skip
    assert given == {
        "names": None, "epochs": 3, "device": "cpu", "seed": 5, "channel": 1, "pseudo_anomalies": 7,
        "n_mels": "32", "progress": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detectors", "ear"], "no detector named 'ear'"),
        (["--detectors", ","], "contains no name"),
        (["--detectors", "embedding_memory"], "--set encoder="),
        (["--set", "colour=red"], "'colour'"),
        (["--set", "seed=3"], "use --seed"),
        (["--set", "score=mse"], "all scores of all detectors are ranked"),
        (["--pseudo-anomalies", 0], "not in the range"),
        (["--group-by", "colour"], "no clip has the attribute colour"),
    ],
)
def test_wrong_options_are_exit_code_2(run, machine, options, message):
    result = run("select", machine, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_missing_training_clips_are_exit_code_1(run, machine, tmp_path):
    assert run("select", tmp_path / "none").exit_code == 1
    assert run("select", machine / "test").exit_code == 1
