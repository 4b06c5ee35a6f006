"""Findings, and the Python warnings that the functions of the API issue for them."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import auscult
from auscult.cli.commands import commands
from auscult.errors import AuscultWarning
from auscult.findings import Finding, findings_from_json, findings_to_json, issue_warnings

RATE = 8000
QUICK = {"all_scores": False, "n_mels": 32}


@pytest.fixture
def folder(tmp_path, machine_sound):
    """Recordings of which one is clipped."""
    for i in range(22):
        sound = machine_sound(i, 0.5)
        sound = np.clip(3 * sound / np.abs(sound).max(), -1, 1) if i == 3 else sound
        soundfile.write(tmp_path / f"{i:02}.wav", sound, RATE)
    return tmp_path


def test_findings_are_the_same_after_json_and_strings_of_old_files_have_a_kind():
    findings = (Finding("clipping", "two are clipped", ("a.wav", "b.wav")), Finding("length", "long"))
    assert findings_from_json(json.loads(json.dumps(findings_to_json(findings)))) == findings
    old = findings_from_json(["training has not converged: it has one epoch", "few clips"])
    assert [finding.kind for finding in old] == ["not_converged", "other"]
    assert old[1].message == "few clips"


def test_a_warning_has_a_kind_and_paths_and_can_be_pickled():
    warning = pickle.loads(pickle.dumps(AuscultWarning("loud", "clipping", ["a.wav"])))
    assert (str(warning), warning.kind, warning.paths) == ("loud", "clipping", ("a.wav",))


def test_fit_warns_once_for_each_finding_at_the_line_of_the_user(folder):
    with pytest.warns(AuscultWarning) as caught:
        model = auscult.fit(folder, "pooled_gaussian", **QUICK)
    assert [(w.message.kind, w.message.paths) for w in caught] == [(f.kind, f.paths) for f in model.warnings]
    (clipping,) = [w for w in caught if w.message.kind == "clipping"]
    assert clipping.message.paths == (str(folder / "03.wav"),)
    assert {w.filename for w in caught} == {__file__}


def test_warnings_can_be_made_errors_or_ignored_by_their_category(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuscultWarning)
        with pytest.raises(AuscultWarning):
            auscult.fit(folder, "pooled_gaussian", **QUICK)
        warnings.simplefilter("ignore", AuscultWarning)
        assert auscult.fit(folder, "pooled_gaussian", **QUICK).warnings


def test_adapt_and_evaluate_warn_at_the_line_of_the_user(folder, tmp_path, machine_sound):
    model = auscult.fit(folder, "pooled_gaussian", **QUICK)
    changed = [str(tmp_path / f"new{i}.wav") for i in range(2)]
    for i, path in enumerate(changed):
        soundfile.write(path, machine_sound(50 + i, 0.5), RATE)
    clips = [auscult.Clip(path, split="test") for path in changed]
    with pytest.warns(AuscultWarning) as caught:
        adapted = auscult.adapt(model, clips, accept=True)
    (test_clips,) = [w for w in caught if w.message.kind == "test_clips"]
    assert (test_clips.filename, test_clips.message.paths) == (__file__, tuple(changed))
    assert len(adapted.warnings) == len(model.warnings) + len(caught), "the earlier ones are not repeated"
    labelled = [
        *(auscult.Clip(str(folder / f"{i:02}.wav"), condition="normal") for i in range(3)),
        *(auscult.Clip(path, condition="anomaly" if i else "normal") for i, path in enumerate(changed)),
    ]
    with pytest.warns(AuscultWarning) as caught:
        result = auscult.evaluate(model, labelled)
    assert [w.message.kind for w in caught] == [finding.kind for finding in result.warnings]
    (fitted_on,) = [w for w in caught if w.message.kind == "fitted_on"]
    assert (fitted_on.filename, len(fitted_on.message.paths)) == (__file__, 3)


def test_fit_machines_names_the_machine(folder, tmp_path):
    with pytest.warns(AuscultWarning) as caught:
        (fitted,) = auscult.fit_machines(
            {"fan": folder}, tmp_path / "models", detector="pooled_gaussian", **QUICK
        )
    assert [f.kind for f in fitted.warnings] == [w.message.kind for w in caught]
    assert all(str(w.message).startswith("fan: ") and w.filename == __file__ for w in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuscultWarning)
        (again,) = auscult.fit_machines(
            {"fan": folder}, tmp_path / "models", detector="pooled_gaussian", **QUICK
        )
    assert again.already_fitted
    assert again.warnings == fitted.warnings


def test_score_does_not_warn_and_returns_the_findings(folder):
    model = auscult.fit(folder, "pooled_gaussian", **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuscultWarning)
        score = model.score(np.zeros(RATE // 2), RATE)
    assert "silence" in [finding.kind for finding in score.warnings]


def test_the_command_line_prints_findings_once_and_issues_no_python_warnings(folder, tmp_path):
    output = str(tmp_path / "m.auscult")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arguments = ["fit", str(folder), "-o", output, "--detector", "pooled_gaussian"]
        arguments += ["--set", "all_scores=false", "--set", "n_mels=32", "--json"]
        result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 0, result.output
    assert not [w for w in caught if isinstance(w.message, AuscultWarning)]
    summary = json.loads(result.stdout)
    assert [finding["message"] for finding in summary["findings"]] == summary["warnings"]
    (clipping,) = [finding for finding in summary["findings"] if finding["kind"] == "clipping"]
    assert clipping["paths"] == [str(folder / "03.wav")]
    text = CliRunner().invoke(commands, [*arguments[:-1], "--quiet"])
    assert text.stderr.count(clipping["message"]) == 1


def test_a_warning_is_at_the_line_that_called_auscult():
    with pytest.warns(AuscultWarning) as caught:
        issue_warnings([Finding("other", "message")])
    assert caught[0].filename == __file__
