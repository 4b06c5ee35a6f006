"""The page about the edge: its program as written, without auscult, and what the bench prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import soundfile
from bench import edge
from bench.edge import Measured
from bench.markdown import DOCS

import auscult

RATE = 8000
#: What a process is told first, so that only ONNX Runtime and NumPy can be had.
ALONE = """
import sys
for name in ("auscult", "scipy", "torch", "onnx", "soundfile", "soxr", "sklearn"):
    sys.modules[name] = None
"""


@pytest.fixture(scope="module")
def program() -> str:
    """The program on the page, as it stands there."""
    (found,) = re.findall(r"```python\n(.*?)```", (DOCS / "edge.md").read_text(), re.DOTALL)
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory, machine_sound):
    """A model, its exported file, and two recordings: one normal, one of a fault."""
    folder = tmp_path_factory.mktemp("edge")
    clips = []
    for i in range(20):
        soundfile.write(folder / f"{i}.wav", machine_sound(i), RATE)
        clips.append(auscult.Clip(path=str(folder / f"{i}.wav")))
    model = auscult.fit(clips, "pooled_gaussian", sample_rate=RATE)
    auscult.export(model, folder / "fan.onnx")
    for name, broken in (("sound", False), ("broken", True)):
        soundfile.write(folder / f"{name}.wav", machine_sound(99, broken=broken), RATE)
    return model, folder


def run(program: str, folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(ALONE + program)
    return subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


def test_the_program_on_the_page_scores_without_auscult(program, exported):
    model, folder = exported
    done = run(program, folder, "fan.onnx", "sound.wav", "broken.wav")
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    for path, score, anomalous, shape in lines:
        wanted = model.score_recording(model.audio_clip(auscult.Clip(path=str(folder / path))), explain=True)
        assert float(score) == pytest.approx(wanted.score, rel=1e-5)
        assert anomalous == str(wanted.anomalous)
        assert shape == str(wanted.map.shape)
    assert [anomalous for _, _, anomalous, _ in lines] == ["False", "True"]


def test_without_a_threshold_the_program_gives_no_verdict(program, exported):
    model, folder = exported
    auscult.export(model, folder / "open.onnx", threshold=model.threshold(0.001))
    done = run(program, folder, "open.onnx", "broken.wav")
    assert done.stdout.split()[2] == "None"


def test_the_program_refuses_what_the_model_does_not_hear(program, exported, machine_sound):
    _, folder = exported
    soundfile.write(folder / "other.wav", machine_sound(1), 2 * RATE)
    done = run(program, folder, "fan.onnx", "other.wav")
    assert done.returncode == 1
    assert "8000 Hz are needed" in done.stderr


def test_the_page_names_what_the_file_holds(exported):
    import onnxruntime

    session = onnxruntime.InferenceSession(exported[1] / "fan.onnx", providers=["CPUExecutionProvider"])
    page = (DOCS / "edge.md").read_text()
    for key in session.get_modelmeta().custom_metadata_map:
        assert f"`{key}`" in page


def test_a_child_scores_by_the_file_and_by_auscult(exported):
    model, folder = exported
    model.save(str(folder / "fan.auscult"))
    for how, file, ways in (("onnx", "fan.onnx", {"map"}), ("auscult", "fan.auscult", {"score", "map"})):
        told = edge._child(how, folder / file, folder / "sound.wav", 2)
        assert told["milliseconds"].keys() == ways
        assert min(*told["milliseconds"].values(), told["start"], told["megabytes"]) > 0
        assert json.dumps(told)


def test_the_table_has_both_sides():
    assert edge.exportable() == ["autoencoder", "gamma_observation", "gamma_vae", "pooled_gaussian"]
    one = Measured("autoencoder", 1_820_000, 2_020_000, (0.2, 0.4), (84, 113), (6.0, 8.2, 20.5), 2e-10)
    page = edge.as_page([one], None)
    assert "| `autoencoder` | 1.82 | 0.20 | 84 | 6.0 | 2e-10 | 2.02 | 0.40 | 113 | 8.2 | 20.5 |" in page
    assert "what they need: –." in page
