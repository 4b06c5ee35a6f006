"""Embedding memory with small real encoders; the contract suite covers what all detectors have in common."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.detectors.embedding.encoder import Encoder
from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean
from auscult.detectors.options import make_config
from auscult.detectors.statistics.neighbours import Neighbours
from auscult.errors import FitError, OptionError, UnsupportedAudio
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound import Waveform, resample
from auscult.spectrum import log_mel

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}


def unfitted(encoder: str, **settings) -> EmbeddingMemory:
    config = make_config("embedding_memory", settings={**SMALL, "encoder": encoder, **settings})
    return EmbeddingMemory(config)


def recording(samples: np.ndarray, path: str = "memory.wav", **fields) -> AudioClip:
    return AudioClip(Clip(path, **fields), lambda: Waveform(np.asarray(samples, np.float32), RATE))


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 10 + ["target"] * 2
    return [recording(machine_sound(seed), f"{seed}.wav", domain=d) for seed, d in enumerate(domains)]


@pytest.fixture(scope="module")
def scored_clips(machine_sound) -> list[AudioClip]:
    """Three normal clips, then three of a broken machine."""
    return [recording(machine_sound(100 + i, broken=i > 2), f"test {i}.wav") for i in range(6)]


def values(detector: EmbeddingMemory, clips: list[AudioClip]) -> np.ndarray:
    return np.array([list(detector.score(clip).scores.values()) for clip in clips])


def vector(samples: np.ndarray, encoder: Encoder, gamma: float, power: float) -> np.ndarray:
    frames, _ = encoder.encode(resample(Waveform(samples, RATE), 16000).samples, 160000, 16000)
    return generalised_mean(frames, deviation_weights(frames, gamma), power)


def test_scores_are_neighbour_scores_of_the_pooled_frames(encoder_file, normals, scored_clips):
    path = encoder_file()
    detector = unfitted(path, rdp_gamma=4, gem_power=2).fit(normals)
    encoder = Encoder.open(np.fromfile(path, np.uint8), path)
    bank = Neighbours.fit(
        np.stack([vector(r.waveform().samples, encoder, 4, 2) for r in normals]),
        np.array([r.clip.domain == "target" for r in normals]),
        metric="cosine",
    )
    for clip in scored_clips:
        expected = bank.scores(vector(clip.waveform().samples, encoder, 4, 2))
        scores = dict(detector.score(clip).scores)
        assert scores.pop("mahalanobis") >= 0
        assert scores == pytest.approx(expected)
    assert detector.facts["encoder"]["features"] == 24
    assert detector.parameters == 12 * 24


@pytest.mark.parametrize("kind", ["waveform", "log_mel"])
@pytest.mark.parametrize("clip_level", [False, True])
def test_broken_machines_score_higher(encoder_file, normals, scored_clips, kind, clip_level):
    encoder = encoder_file(kind, clip_level=clip_level)
    detector = unfitted(encoder, encoder_rate=RATE if kind == "log_mel" else 16000).fit(normals)
    assert detector.facts["encoder"]["input"] == kind
    scores = values(detector, scored_clips)
    assert np.all(scores[3:].min(axis=0) > scores[:3].max(axis=0))


def test_a_log_mel_encoder_gets_log_mels_at_encoder_rate(encoder_file, normals, scored_clips):
    path = encoder_file("log_mel")
    detector = unfitted(path, encoder_rate=16000, rdp_gamma=0, gem_power=1).fit(normals)
    front_end = make_config("embedding_memory", settings={**SMALL, "sample_rate": 16000}).front_end
    samples = resample(scored_clips[0].waveform(), 16000).samples
    frames, _ = Encoder.open(np.fromfile(path, np.uint8), path).encode(log_mel(samples, front_end), 999, 1)
    bank = Neighbours.from_arrays(detector.arrays, "cosine")
    expected = bank.scores(frames.astype(np.float64).mean(axis=0))
    scores = detector.score(scored_clips[0]).scores
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_scores_depend_on_encoder_rate(encoder_file, normals, scored_clips):
    slow, fast = (unfitted(encoder_file(), encoder_rate=rate).fit(normals) for rate in (RATE, 16000))
    assert not np.allclose(values(slow, scored_clips), values(fast, scored_clips), rtol=1e-3)


def test_a_long_clip_is_encoded_window_by_window(encoder_file, normals, machine_sound):
    """The windows do not affect a frame-by-frame encoder, but do affect one with clip-level output."""
    long = recording(machine_sound(7, seconds=3))
    at_once, windowed = (
        [
            values(unfitted(encoder_file(kind, clip_level=level), window_seconds=s).fit(normals), [long])
            for kind, level in (("log_mel", False), ("waveform", True))
        ]
        for s in (10, 1)
    )
    np.testing.assert_allclose(at_once[0], windowed[0], rtol=1e-4)
    assert not np.allclose(at_once[1], windowed[1], rtol=1e-3)


def test_the_model_file_contains_the_encoder(encoder_file, normals, scored_clips, tmp_path):
    encoder_path = tmp_path / "encoder.onnx"
    shutil.copy(encoder_file(), encoder_path)
    detector = unfitted(str(encoder_path)).fit(normals)
    Model(detector).save(tmp_path / "model.auscult")
    encoder_path.unlink()
    loaded = load_model(tmp_path / "model.auscult").detector
    np.testing.assert_allclose(values(loaded, scored_clips), values(detector, scored_clips))


def test_without_embedding_the_encoder_file_must_be_unchanged(encoder_file, normals, scored_clips, tmp_path):
    encoder_path = tmp_path / "encoder.onnx"
    shutil.copy(encoder_file(), encoder_path)
    detector = unfitted(str(encoder_path), embed_encoder=False).fit(normals)
    Model(detector).save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult").detector
    assert "encoder" not in loaded.arrays
    np.testing.assert_allclose(values(loaded, scored_clips), values(detector, scored_clips))
    shutil.copy(encoder_file(clip_level=True), encoder_path)
    with pytest.raises(OptionError, match=r"encoder\.onnx.*SHA-256"):
        load_model(tmp_path / "model.auscult").detector.score(scored_clips[0])
    encoder_path.unlink()
    with pytest.raises(OptionError, match=r"encoder\.onnx.*No such file"):
        load_model(tmp_path / "model.auscult").detector.score(scored_clips[0])


def test_a_missing_encoder_option_or_file_is_an_error(normals):
    with pytest.raises(OptionError, match=r"`encoder=PATH`.*docs/how-to/export-an-encoder\.md"):
        EmbeddingMemory(make_config("embedding_memory", settings=SMALL)).fit(normals)
    assert EmbeddingMemory.required_options == ("encoder",)
    with pytest.raises(OptionError, match=r"missing\.onnx.*docs/how-to/export-an-encoder\.md"):
        unfitted("missing.onnx").fit(normals)


def test_an_encoder_with_another_number_of_bands_is_an_error(encoder_file, normals):
    with pytest.raises(OptionError, match="set n_mels=16"):
        unfitted(encoder_file("log_mel"), n_mels=20).fit(normals)


def test_a_number_of_features_that_depends_on_the_length_is_an_error(encoder_file, tmp_path, machine_sound):
    import onnx

    model = onnx.load(encoder_file())
    nodes = model.graph.node
    nodes[-2].attribute[0].ints[:] = [0, 1, 2]  # (1, D, F): frames and features swapped
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for name in ("a", "b", "c"):
        model.graph.output[0].type.tensor_type.shape.dim.add(dim_param=name)
    onnx.save(model, tmp_path / "swapped.onnx")
    clips = [recording(machine_sound(i, seconds=1 + i)) for i in range(3)]
    with pytest.raises(OptionError, match="must not depend on the length"):
        unfitted(str(tmp_path / "swapped.onnx")).fit(clips)


def test_the_error_for_nan_features_names_the_recording(encoder_file, tmp_path, normals, machine_sound):
    import onnx

    model = onnx.load(encoder_file())
    model.graph.node[-1].op_type = "Log"  # NaN below 0
    onnx.save(model, tmp_path / "log.onnx")
    with pytest.raises(UnsupportedAudio, match=r"0\.wav.*NaN or infinity"):
        unfitted(str(tmp_path / "log.onnx")).fit(normals)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("encoder_input", "mp3"),
        ("metric", "manhattan"),
        ("encoder_rate", 0),
        ("window_seconds", 0),
        ("neighbours", 0),
        ("threads", -1),
        ("rdp_gamma", -1),
        ("gem_power", 0.5),
    ],
)
def test_invalid_settings_are_errors(option, value):
    with pytest.raises(OptionError, match=option):
        unfitted("any.onnx", **{option: value})


def test_one_recording_is_not_enough(encoder_file, normals):
    with pytest.raises(FitError, match="at least 2"):
        unfitted(encoder_file()).fit(normals[:1])


def test_fitting_several_detectors_equals_fitting_each_alone_and_reads_each_clip_once(
    encoder_file, normals, scored_clips
):
    reads = []
    clips = [AudioClip(r.clip, lambda r=r: reads.append(r) or r.waveform()) for r in normals]
    detectors = [unfitted(encoder_file()) for _ in range(3)]
    training_sets = [clips, clips[:8], clips[4:]]
    EmbeddingMemory.fit_fleet(detectors, training_sets)
    assert len(reads) == 2 * len(normals), "once for the encoder, once for the log-mel"
    for detector, training_set in zip(detectors, training_sets, strict=True):
        alone = unfitted(encoder_file()).fit(training_set)
        np.testing.assert_allclose(values(detector, scored_clips), values(alone, scored_clips))
        assert detector.facts == alone.facts


def test_adapting_equals_fitting_on_all_and_does_not_change_the_original(encoder_file, normals, scored_clips):
    old = unfitted(encoder_file(), gem_power=2).fit(normals[:8])
    before = values(old, scored_clips)
    new = old.adapted(normals[8:10]).adapted(normals[10:])
    refitted = unfitted(encoder_file(), gem_power=2).fit(normals)
    np.testing.assert_allclose(values(new, scored_clips), values(refitted, scored_clips), rtol=1e-4)
    for name in ("usual_bands", "usual_features"):
        np.testing.assert_allclose(new.arrays[name], refitted.arrays[name])
    np.testing.assert_array_equal(values(old, scored_clips), before)
    assert "adaptations" not in old.facts
    assert new.facts["adaptations"] == [
        "2 recordings added to the bank of 8",
        "2 recordings added to the bank of 10",
    ]
    assert new.score(normals[-1]).scores["nearest"] < old.score(normals[-1]).scores["nearest"]
    with pytest.raises(FitError, match="no recordings"):
        old.adapted([])


def test_clips_cut_from_one_recording_are_not_neighbours(encoder_file, machine_sound):
    sounds = [machine_sound(i // 2) for i in range(8)]  # each sound twice
    separate = [recording(s, f"{i}.wav") for i, s in enumerate(sounds)]
    cut = [recording(s, f"{i}.wav", source_recording=f"{i // 2}") for i, s in enumerate(sounds)]
    ungrouped, grouped = (unfitted(encoder_file()).fit(c).arrays["density"] for c in (separate, cut))
    assert np.all(ungrouped < 1e-6)
    assert np.all(grouped > 1e-6)
    adapted = unfitted(encoder_file()).fit(cut[:5]).adapted(cut[5:])
    np.testing.assert_allclose(adapted.arrays["density"], grouped, rtol=1e-4)
    assert adapted.facts["cut_from"] == ["0", "1", "2", "3"]
    groups = unfitted(encoder_file()).fit([*cut[:4], *separate[4:]]).arrays["groups"]
    assert groups.tolist() == [0, 0, 1, 1, -5, -6, -7, -8]


def test_maps_show_the_time_and_approximate_frequency(encoder_file, normals, machine_sound):
    """A clip of two seconds with half a second of whistling at 3 kHz."""
    detector = unfitted(encoder_file()).fit(normals)
    sound = machine_sound(50, seconds=2)
    t = np.arange(RATE, RATE + RATE // 2) / RATE
    sound[RATE : RATE + RATE // 2] += 0.3 * np.sin(2 * np.pi * 3000 * t).astype(np.float32)
    evidence = detector.score(recording(sound), explain=True)
    frames = np.arange(evidence.maps["density"].shape[0]) * 256 / RATE
    inside = (frames > 1.0) & (frames < 1.5)
    for name, map_ in evidence.maps.items():
        over_time = map_.sum(axis=1)
        assert over_time[inside].mean() > 1.5 * over_time[~inside].mean(), name
        assert inside[np.argmax(map_.max(axis=1))], name
        assert 12 <= np.argmax(map_[inside].mean(axis=0)) <= 14, "3 kHz is in the 14th of 16 bands"
    for name in ("density", "nearest", "domain"):
        assert evidence.maps[name].sum(axis=1).mean() == pytest.approx(evidence.scores[name], rel=1e-4)
    ratio = evidence.maps["variance"].sum(axis=1).mean()
    assert np.log(ratio) == pytest.approx(evidence.scores["variance"], rel=1e-4)


def test_the_map_of_a_clip_level_encoder_is_constant_over_time(encoder_file, normals, scored_clips):
    maps = unfitted(encoder_file(clip_level=True)).fit(normals).score(scored_clips[-1], explain=True).maps
    over_time = maps["nearest"].sum(axis=1)
    np.testing.assert_allclose(over_time, over_time[0], rtol=1e-4)
