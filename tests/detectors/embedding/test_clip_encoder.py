"""Encoded clips: the cache on disk, batches, and the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.detectors.embedding import clip_encoder
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.detectors.embedding.encoder import Encoder, read_encoder
from auscult.detectors.options import make_config
from auscult.errors import OptionError, TooShortAudio, UnsupportedAudio

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}


def unfitted(encoder: str, **settings) -> EmbeddingMemory:
    config = make_config("embedding_memory", settings={**SMALL, "encoder": encoder, **settings})
    return EmbeddingMemory(config)


def scores(detector: EmbeddingMemory, clips: list[AudioClip]) -> np.ndarray:
    return np.array([list(detector.score(clip).scores.values()) for clip in clips])


@pytest.fixture(scope="module")
def files(tmp_path_factory, machine_sound) -> list[str]:
    folder = tmp_path_factory.mktemp("clips")
    for i in range(6):
        soundfile.write(folder / f"{i}.wav", machine_sound(i, 1.0 if i < 4 else 1.5), RATE)
    return [str(folder / f"{i}.wav") for i in range(6)]


def opened(files: list[str]) -> list[AudioClip]:
    """New audio clips, as a later run has them; the last file is of the target domain."""
    domains = ["source"] * (len(files) - 1) + ["target"]
    clips = [Clip(path, domain=domain) for path, domain in zip(files, domains, strict=True)]
    return [AudioClip.from_file(clip, cached=True) for clip in clips]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "log_mels"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of windows in each run of an encoder, in order."""
    runs: list[int] = []
    run = Encoder._run

    def counted(self: Encoder, parts: np.ndarray) -> np.ndarray:
        runs.append(len(parts))
        return run(self, parts)

    monkeypatch.setattr(Encoder, "_run", counted)
    return runs


class TestCache:
    def test_other_metrics_pooling_and_scores_encode_nothing_again(self, files, encoder_file, cache, encoded):
        first = unfitted(encoder_file()).fit(opened(files))
        expected = scores(first, opened(files))
        assert len(encoded) == len(files), "the scores of training clips encode nothing either"
        np.testing.assert_array_equal(scores(first, opened(files)), expected)
        for settings in (
            {"metric": "euclidean"},
            {"gem_power": 1, "rdp_gamma": 0},
            {"score": "mahalanobis", "neighbours": 2},
            {"threads": 2, "embed_encoder": False},
        ):
            scores(unfitted(encoder_file(), **settings).fit(opened(files)), opened(files))
        assert len(encoded) == len(files)

    def test_scores_and_maps_are_the_same_bits_as_without_a_cache(
        self, files, encoder_file, cache, monkeypatch
    ):
        results = []
        for location in ("off", str(cache), str(cache)):
            monkeypatch.setenv("AUSCULT_CACHE", location)
            evidence = unfitted(encoder_file()).fit(opened(files)).score(opened(files)[0], explain=True)
            results.append(evidence)
        for other in results[1:]:
            assert other.scores == results[0].scores
            for name, map in other.maps.items():
                np.testing.assert_array_equal(map, results[0].maps[name])

    @pytest.mark.parametrize(
        "settings", [{"encoder_rate": 12000}, {"window_seconds": 0.5}, {"encoder": "clip level"}]
    )
    def test_what_changes_the_frames_encodes_again(self, files, encoder_file, cache, encoded, settings):
        unfitted(encoder_file()).fit(opened(files))
        before = len(encoded)
        if "encoder" in settings:
            settings = {"encoder": encoder_file(clip_level=True)}
        unfitted(**{"encoder": encoder_file(), **settings}).fit(opened(files))
        assert len(encoded) >= before + len(files)

    def test_changed_code_encodes_again(self, files, encoder_file, cache, encoded, monkeypatch):
        unfitted(encoder_file()).fit(opened(files))
        facts = clip_encoder.code_facts("auscult.detectors.embedding.clip_encoder", clip_encoder._CODE)
        monkeypatch.setattr(clip_encoder, "code_facts", lambda *_: replace(facts, code="changed"))
        unfitted(encoder_file()).fit(opened(files))
        assert len(encoded) == 2 * len(files)

    def test_a_changed_recording_is_encoded_again(
        self, files, encoder_file, cache, encoded, tmp_path, machine_sound
    ):
        path = tmp_path / "changed.wav"
        soundfile.write(path, machine_sound(50), RATE)
        paths = [*files[:3], str(path)]
        unfitted(encoder_file()).fit(opened(paths))
        soundfile.write(path, machine_sound(51), RATE)
        unfitted(encoder_file()).fit(opened(paths))
        assert len(encoded) == len(paths) + 1

    def test_a_clip_with_nan_is_not_stored(self, files, encoder_file, cache, tmp_path):
        import onnx

        model = onnx.load(encoder_file())
        model.graph.node[-1].op_type = "Log"  # NaN below 0
        onnx.save(model, tmp_path / "log.onnx")
        for _ in range(2):
            with pytest.raises(UnsupportedAudio, match=r"0\.wav.*NaN or infinity"):
                unfitted(str(tmp_path / "log.onnx")).fit(opened(files))
        assert not cache.exists()


class TestBatches:
    @pytest.mark.parametrize("kind", ["waveform", "log_mel"])
    def test_batches_agree_with_single_clips(self, files, encoder_file, encoded, kind):
        shape = ("batch", "N") if kind == "waveform" else ("batch", "T", 16)
        encoder = encoder_file(kind, shape)
        settings = {"encoder_rate": RATE if kind == "log_mel" else None, "window_seconds": 1}
        single = unfitted(encoder, **settings).fit(opened(files))
        windows = len(encoded)
        assert set(encoded) == {1}
        encoded.clear()
        batched = unfitted(encoder, encoder_batch=4, **settings).fit(opened(files))
        assert max(encoded) == 4
        assert sum(encoded) == windows
        np.testing.assert_allclose(
            scores(batched, opened(files)), scores(single, opened(files)), rtol=1e-3, atol=1e-5
        )
        np.testing.assert_allclose(batched.arrays["vectors"], single.arrays["vectors"], rtol=1e-5)

    def test_windows_of_different_lengths_are_in_different_batches(self, files, encoder_file, encoded):
        encoder = encoder_file(shape=("batch", "N"))
        clips = opened([files[0], files[4], files[1], files[5]])
        batched, single = (unfitted(encoder, encoder_batch=n).fit(clips) for n in (8, 1))
        assert encoded[:2] == [2, 2]
        np.testing.assert_allclose(batched.arrays["vectors"], single.arrays["vectors"], rtol=1e-5)

    def test_prepare_scoring_encodes_in_batches_what_is_scored_afterwards(
        self, files, encoder_file, cache, encoded, tmp_path
    ):
        detector = unfitted(encoder_file(shape=("batch", "N")), encoder_batch=3).fit(opened(files[:2]))
        soundfile.write(tmp_path / "short.wav", np.zeros(100), RATE)
        encoded.clear()
        detector.prepare_scoring(opened([*files[2:], str(tmp_path / "short.wav")]))
        assert sum(encoded) == 4
        assert max(encoded) == 2
        encoded.clear()
        scores(detector, opened(files))
        assert encoded == []
        with pytest.raises(TooShortAudio):
            detector.score(opened([files[0], str(tmp_path / "short.wav")])[1])

    def test_an_encoder_of_one_clip_at_a_time_is_refused(self, files, encoder_file):
        with pytest.raises(OptionError, match="takes one clip at a time: set encoder_batch=1"):
            unfitted(encoder_file(), encoder_batch=2).fit(opened(files))


class TestDevice:
    def test_cuda_without_a_provider_is_an_error_that_says_what_to_install(self, files, encoder_file):
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has CUDA")
        with pytest.raises(OptionError, match=r"device='cuda'.*onnxruntime-gpu.*device=cpu"):
            unfitted(encoder_file(), device="cuda").fit(opened(files))

    def test_an_unknown_provider_is_an_error_that_lists_the_available_ones(self, files, encoder_file):
        with pytest.raises(OptionError, match=r"has no MyProvider, only .*CPUExecutionProvider"):
            unfitted(encoder_file(), device="CPUExecutionProvider+MyProvider").fit(opened(files))

    def test_providers_are_chosen_by_name(self, encoder_file):
        path = encoder_file()
        for device in ("cpu", "auto", "CPUExecutionProvider"):
            encoder = Encoder.open(read_encoder(path), path, device=device)
            assert encoder.providers[-1] == "CPUExecutionProvider"

    def test_a_model_of_another_device_is_scored_on_the_cpu_with_a_warning(self, files, encoder_file, caplog):
        detector = unfitted(encoder_file()).fit(opened(files))
        expected = scores(detector, opened(files))
        moved = detector.copied()
        moved.config.device = "MissingExecutionProvider"
        np.testing.assert_array_equal(scores(moved, opened(files)), expected)
        assert "fitted with device=MissingExecutionProvider" in caplog.text
