"""``auscult export``: its output, the file it writes, and errors."""

from __future__ import annotations

import json

import pytest

import auscult


def test_writes_a_file_and_reports_the_agreement(run, model, normal_clip, tmp_path):
    file = tmp_path / "fan.onnx"
    result = run("export", model, "-o", file, "--check", normal_clip)
    assert result.exit_code == 0, result.output
    assert "31 sounds: score within" in result.stdout
    assert "conformal, 5 % false alarms, from 24 recordings" in result.stdout
    assert f"{file} (" in result.stdout


def test_json_and_the_chosen_threshold(run, model, tmp_path):
    import onnxruntime

    file = tmp_path / "fan.onnx"
    summary = json.loads(run("export", model, "-o", file, "--json", "--false-alarms", "20%").stdout)
    expected = auscult.load(model).threshold(0.2).value
    assert summary["threshold"]["value"] == expected
    assert summary["bytes"] == file.stat().st_size
    assert 0 <= summary["checked"]["score"] < 1e-6
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["threshold"]) == expected


def test_an_unreadable_check_recording_is_reported_and_the_file_written(run, model, broken_file, tmp_path):
    result = run("export", model, "-o", tmp_path / "fan.onnx", "--check", broken_file)
    assert result.exit_code == 4
    assert str(broken_file) in result.stderr
    assert (tmp_path / "fan.onnx").exists()


def test_a_detector_that_cannot_be_exported_is_exit_code_2(run, machine, tmp_path):
    file = tmp_path / "m.auscult"
    small = ("--epochs", 1, "--set", "width=4", "--calibrate", "none", "--quiet")
    fitted = run("fit", machine, "-o", file, "--detector", "discriminative", *small)
    assert fitted.exit_code == 0, fitted.output
    result = run("export", file, "-o", tmp_path / "fan.onnx")
    assert result.exit_code == 2
    assert "discriminative cannot be exported" in result.stderr
    assert not (tmp_path / "fan.onnx").exists()


def test_the_model_is_never_overwritten(run, model, tmp_path):
    before = model.read_bytes()
    (tmp_path / "link.onnx").symlink_to(model)
    for output in (model, tmp_path / "link.onnx"):
        result = run("export", model, "-o", output)
        assert result.exit_code == 2
        assert "would overwrite MODEL" in result.stderr
    assert model.read_bytes() == before


@pytest.mark.parametrize("output", ["", "missing/fan.onnx"])
def test_an_unwritable_output_is_detected_first(run, model, tmp_path, output):
    result = run("export", model, "-o", tmp_path / output)
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr
