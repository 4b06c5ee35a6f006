"""``auscult select``: what it prints, and its exit codes."""

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
def told(run, machine):
    result = run("select", machine, *TWO, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json(told):
    assert list(told) == ["candidates", "left_out", "clips", "pseudo_anomalies", "warnings"]
    assert (told["clips"], told["pseudo_anomalies"], told["left_out"]) == (24, 2, {})
    for candidate in told["candidates"]:
        assert list(candidate) == ["detector", "score", "auc", "interval", "first", "by_kind", "seconds"]
        assert len(candidate["interval"]) == 2
        assert len(candidate["by_kind"]) == 8
    areas = [candidate["auc"] for candidate in told["candidates"]]
    assert areas == sorted(areas, reverse=True)
    assert sum(candidate["first"] for candidate in told["candidates"]) == pytest.approx(1)


def test_text_says_the_same_and_what_is_next(plain, told, machine):
    assert plain.exit_code == 0, plain.output
    lines = plain.stdout.splitlines()
    assert lines[0].startswith("16 altered recordings told from 24 normal recordings")
    rows = [line.split() for line in lines if "_" in line.split(":")[0] and "Next" not in line]
    assert [row[0] for row in rows] == [f"{c['detector']}:{c['score']}" for c in told["candidates"]]
    assert [row[1] for row in rows] == [f"{100 * c['auc']:.1f}" for c in told["candidates"]]
    best = told["candidates"][0]
    assert lines[-1] == (
        f"Next:  auscult fit {machine} --detector {best['detector']} --set score={best['score']} -o MODEL"
    )
    assert "--group-by spd" in plain.stderr  # cuts of one recording, perhaps
    assert max(map(len, lines[:-1])) <= 100  # the last is as long as the folder's name


def test_what_it_suggests_can_be_fitted(run, machine, plain, tmp_path):
    words = plain.stdout.splitlines()[-1].removeprefix("Next:  auscult ").split()
    path = tmp_path / "model.auscult"
    words = [str(path) if word == "MODEL" else word for word in words]
    assert run(*words, "--calibrate", "none", "-q").exit_code == 0
    assert path.exists()


def test_what_is_next_learns_from_the_same_cuts(run, machine, tmp_path):
    (tmp_path / "my fan").symlink_to(machine)
    options = ("--detectors", "spectral_memory", *SMALL, "--group-by", "spd")
    result = run("select", tmp_path / "my fan", *options)
    assert result.exit_code == 0, result.output
    words = shlex.split(result.stdout.splitlines()[-1])
    assert words[:6] == ["Next:", "auscult", "fit", str(tmp_path / "my fan"), "--group-by", "spd"]


def test_what_is_left_out_is_told_in_short_lines_and_is_4_when_it_was_named(run, machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for options, code in (([], 0), (["--detectors", "spectral_memory,gamma_vae"], 4)):
        result = run("select", machine, *options, *SMALL)
        assert result.exit_code == code
        assert "gamma_vae is left out: " in result.stdout
        assert "auscult[train]" in result.stdout
        assert max(map(len, result.stdout.splitlines()[:-1])) <= 100
    assert run("select", machine, "--detectors", "gamma_vae", *SMALL).exit_code == 1


def test_progress(run, machine):
    result = run("select", machine, *TWO, "--pseudo-anomalies", 1, "--set", "n_mels=16")
    lines = result.stderr.splitlines()
    assert "select pooled_gaussian  (1 of 2)" in lines
    assert "select spectral_memory  (2 of 2)" in lines
    assert lines.count("try  8/8") == 2


def test_cuts_of_one_recording_are_kept_together(run, machine, monkeypatch):
    seen = []
    monkeypatch.setattr("auscult.api.select.select", lambda clips, *_, **__: seen.append(clips) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("select", machine, "--group-by", "spd")
    assert len({clip.source_recording for clip in seen[0]}) == 4  # two speeds in two domains


def test_options_reach_the_library(run, machine, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "auscult.api.select.select", lambda clips, names, **k: given.update(k, names=names) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        run("select", machine, "--epochs", 3, "--device", "cpu", "--seed", 5, "--channel", 1, "--pseudo-anomalies", 7,
            "--set", "n_mels=32", "-q")  # fmt: skip
    assert given == {
        "names": None, "epochs": 3, "device": "cpu", "seed": 5, "channel": 1, "pseudo_anomalies": 7,
        "n_mels": "32", "progress": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--detectors", "ear"], "no detector named 'ear'"),
        (["--detectors", ","], "names nothing"),
        (["--detectors", "embedding_memory"], "--set encoder="),
        (["--set", "colour=red"], "'colour'"),
        (["--set", "seed=3"], "use --seed"),
        (["--set", "score=mse"], "every score"),
        (["--pseudo-anomalies", 0], "not in the range"),
        (["--group-by", "colour"], "no clip has the attribute colour"),
    ],
)
def test_wrong_options_are_2(run, machine, options, said):
    result = run("select", machine, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_nothing_to_learn_from_is_1(run, machine, tmp_path):
    assert run("select", tmp_path / "none").exit_code == 1
    assert run("select", machine / "test").exit_code == 1
