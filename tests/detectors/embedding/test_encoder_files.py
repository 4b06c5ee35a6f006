"""The encoder's file in benchmarks and keys: stored by its path, and a changed one is run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

import auscult
from auscult.benchmark import run_bench
from auscult.corpus.fingerprints import file_digests
from auscult.model.model_file import load_model

RATE = 8000


@pytest.fixture(scope="module")
def root(tmp_path_factory, machine_sound) -> Path:
    folder = tmp_path_factory.mktemp("root")
    for part, condition, count in (("train", "normal", 6), ("test", "normal", 3), ("test", "anomaly", 3)):
        (folder / "fan" / part).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            name = f"{condition}_id_00_{i:08d}.wav"
            sound = machine_sound(100 * count + i, broken=condition == "anomaly")
            soundfile.write(folder / "fan" / part / name, sound, RATE)
    return folder


def bench(root: Path, output: Path, encoder: str, **settings):
    result = run_bench(
        root,
        detectors=["embedding_memory"],
        seeds=[0],
        output=output,
        settings={"encoder": encoder, "n_mels": 16, **settings},
    )
    assert not result.failures
    return output / "stages" / "fan" / "embedding_memory" / "seed0"


def test_models_of_a_bench_have_the_path_of_the_encoder_and_a_changed_encoder_is_run_again(
    root, tmp_path, monkeypatch, encoder_file
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(encoder_file(), "encoder.onnx")
    folder = bench(root, tmp_path / "out", "encoder.onnx")
    detector = load_model(folder / "model.auscult").detector
    assert "encoder" not in detector.arrays
    assert detector.config.encoder == str(tmp_path / "encoder.onnx")
    before = (folder / "test.json").read_bytes()
    bench(root, tmp_path / "out", "encoder.onnx")
    assert (folder / "test.json").read_bytes() == before
    shutil.copy(encoder_file(clip_level=True), "encoder.onnx")
    bench(root, tmp_path / "out", "encoder.onnx")
    first, second = (json.loads(text)["scores"] for text in (before, (folder / "test.json").read_bytes()))
    assert first["nearest"] != second["nearest"]


def test_embed_encoder_stores_it_in_every_model(root, tmp_path, encoder_file):
    folder = bench(root, tmp_path / "out", encoder_file(), embed_encoder=True)
    assert load_model(folder / "model.auscult").detector.arrays["encoder"].size > 1000


def test_digests_follow_the_content_of_files(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = file_digests([str(path)])
    path.write_bytes(b"other")
    second = file_digests([str(path)])
    assert first != second
    shutil.copy(path, tmp_path / "copy")
    assert file_digests([str(tmp_path / "copy")]) == second
    assert file_digests([str(tmp_path / "missing")]) == [""]


def test_a_model_without_calibration_of_a_later_score_can_be_adapted(root, tmp_path, encoder_file):
    clips = list(auscult.open_corpus(str(root / "fan")).for_training())
    model = auscult.fit(clips[:5], detector="embedding_memory", encoder=encoder_file(), n_mels=16)
    del model.calibration.scores["mahalanobis"]  # as in a model of version 0.1.0
    adapted = auscult.adapt(model, clips[5:], accept=True)
    adapted.save(tmp_path / "adapted.auscult")
    loaded = load_model(tmp_path / "adapted.auscult")
    assert set(loaded.calibration.scores) == set(loaded.detector.scores) - {"mahalanobis"}
    assert len(loaded.calibration.scores["variance"]) == 6
