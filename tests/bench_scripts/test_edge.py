"""The program of docs/how-to/small-computer.md runs without auscult; bench.edge measures both sides."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import soundfile
from bench import edge, edge_verdicts
from bench.edge import DetectorCost
from bench.markdown import DOCS

import auscult

RATE = 8000
#: Code that runs first, so that only ONNX Runtime and NumPy can be imported.
BLOCK_IMPORTS = """
import sys
for name in ("auscult", "scipy", "torch", "onnx", "soundfile", "soxr", "sklearn"):
    sys.modules[name] = None
"""


@pytest.fixture(scope="module")
def program() -> str:
    """The program of the page, as written there."""
    (code,) = re.findall(
        r"```python title=\"score.py\"\n(.*?)```", (DOCS / "how-to/small-computer.md").read_text(), re.DOTALL
    )
    return code


@pytest.fixture(scope="module")
def exported(tmp_path_factory, machine_sound):
    """A model, and a folder with its exported file, a normal recording and one of a broken machine."""
    folder = tmp_path_factory.mktemp("edge")
    clips = []
    for i in range(20):
        soundfile.write(folder / f"{i}.wav", machine_sound(i), RATE)
        clips.append(auscult.Clip(path=str(folder / f"{i}.wav")))
    model = auscult.fit(clips, "pooled_gaussian", sample_rate=RATE)
    auscult.export(model, folder / "fan.onnx")
    for name, broken in (("normal", False), ("broken", True)):
        soundfile.write(folder / f"{name}.wav", machine_sound(99, broken=broken), RATE)
    return model, folder


def run(program: str, folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(BLOCK_IMPORTS + program)
    return subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


@pytest.mark.slow
def test_the_program_on_the_page_scores_without_auscult(program, exported):
    model, folder = exported
    process = run(program, folder, "fan.onnx", "normal.wav", "broken.wav")
    assert process.returncode == 0, process.stderr
    lines = [line.split(maxsplit=3) for line in process.stdout.splitlines()]
    for path, score, anomalous, shape in lines:
        expected = model.score_recording(
            model.audio_clip(auscult.Clip(path=str(folder / path))), explain=True
        )
        assert float(score) == pytest.approx(expected.score, rel=1e-5)
        assert anomalous == str(expected.anomalous)
        assert shape == str(expected.map.shape)
    assert [anomalous for _, _, anomalous, _ in lines] == ["False", "True"]


def test_without_a_threshold_the_program_gives_no_verdict(program, exported):
    model, folder = exported
    auscult.export(model, folder / "open.onnx", threshold=model.threshold(0.001))
    process = run(program, folder, "open.onnx", "broken.wav")
    assert process.stdout.split()[2] == "None"


def test_the_program_refuses_another_sample_rate(program, exported, machine_sound):
    _, folder = exported
    soundfile.write(folder / "other.wav", machine_sound(1), 2 * RATE)
    process = run(program, folder, "fan.onnx", "other.wav")
    assert process.returncode == 1
    assert "needs 16-bit samples at 8000 Hz" in process.stderr


def test_the_page_documents_the_metadata_of_the_file(exported):
    import onnxruntime

    session = onnxruntime.InferenceSession(exported[1] / "fan.onnx", providers=["CPUExecutionProvider"])
    page = (DOCS / "reference/onnx-file.md").read_text()
    for key in session.get_modelmeta().custom_metadata_map:
        assert f"`{key}`" in page


def test_a_child_process_scores_with_the_file_and_with_auscult(exported):
    model, folder = exported
    model.save(str(folder / "fan.auscult"))
    for runtime, file, names in (("onnx", "fan.onnx", {"map"}), ("auscult", "fan.auscult", {"score", "map"})):
        output = edge._run_child(runtime, folder / file, folder / "normal.wav", 2)
        assert output["milliseconds"].keys() == names
        assert min(*output["milliseconds"].values(), output["start"], output["megabytes"]) > 0
        assert json.dumps(output)


def test_the_table_has_both_sides():
    assert edge.exportable() == [
        "auto", "autoencoder", "gamma_observation", "gamma_vae", "pooled_gaussian", "spectral_memory",
        "subspace_residual",
    ]  # fmt: skip
    cost = DetectorCost("autoencoder", 1_820_000, 2_020_000, (0.2, 0.4), (84, 113), (6.0, 8.2, 20.5), 2e-10)
    page = edge.as_page([cost], None, 60, 10.0)
    assert "| `autoencoder` | 1.82 | 0.20 | 84 | 6.0 | 2e-10 | 2.02 | 0.40 | 113 | 8.2 | 20.5 |" in page
    assert "and their dependencies: –." in page
    assert "Fitted on 60 simulated clips. A clip is 10 s at 16 kHz" in page


def test_the_exported_default_finds_what_auscult_finds_on_a_real_motor(real_data, tmp_path):
    home = real_data / "bldc" / "BrushlessMotor"
    result = edge_verdicts.compare(home, tmp_path, step=8, members="levels,half_neighbours,quarter_residual")
    assert (result.training, result.clips, result.same) == (55, 20, 20)
    assert 5 <= result.anomalous <= 15
    assert result.difference < 1e-4
    row = f"| `BrushlessMotor` | 55 | {result.megabytes:.2f} | 20 | {result.anomalous} | 20 |"
    assert row in edge_verdicts.as_page([result])
