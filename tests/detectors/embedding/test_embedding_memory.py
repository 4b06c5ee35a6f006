"""A memory of embeddings with small real encoders; what all detectors promise is in the contract."""

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


def recording(samples: np.ndarray, path: str = "memory.wav", **known) -> AudioClip:
    return AudioClip(Clip(path, **known), lambda: Waveform(np.asarray(samples, np.float32), RATE))


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 10 + ["target"] * 2
    return [recording(machine_sound(seed), f"{seed}.wav", domain=d) for seed, d in enumerate(domains)]


@pytest.fixture(scope="module")
def heard(machine_sound) -> list[AudioClip]:
    """Three sound clips, then three broken ones."""
    return [recording(machine_sound(100 + i, broken=i > 2), f"heard {i}.wav") for i in range(6)]


def values(detector: EmbeddingMemory, clips: list[AudioClip]) -> np.ndarray:
    return np.array([list(detector.score(clip).scores.values()) for clip in clips])


def vector(samples: np.ndarray, encoder: Encoder, gamma: float, power: float) -> np.ndarray:
    frames, _ = encoder.encode(resample(Waveform(samples, RATE), 16000).samples, 160000, 16000)
    return generalised_mean(frames, deviation_weights(frames, gamma), power)


def test_scores_are_those_of_the_neighbours_of_pooled_frames(encoder_file, normals, heard):
    path = encoder_file()
    detector = unfitted(path, rdp_gamma=4, gem_power=2).fit(normals)
    encoder = Encoder.open(np.fromfile(path, np.uint8), path)
    bank = Neighbours.fit(
        np.stack([vector(r.waveform().samples, encoder, 4, 2) for r in normals]),
        np.array([r.clip.domain == "target" for r in normals]),
        metric="cosine",
    )
    for clip in heard:
        want = bank.scores(vector(clip.waveform().samples, encoder, 4, 2))
        assert detector.score(clip).scores == pytest.approx(want)
    assert detector.facts["encoder"]["features"] == 24
    assert detector.parameters == 12 * 24


@pytest.mark.parametrize("kind", ["waveform", "log_mel"])
@pytest.mark.parametrize("clip_level", [False, True])
def test_broken_machines_are_farther_away(encoder_file, normals, heard, kind, clip_level):
    encoder = encoder_file(kind, clip_level=clip_level)
    detector = unfitted(encoder, encoder_rate=RATE if kind == "log_mel" else 16000).fit(normals)
    assert detector.facts["encoder"]["input"] == kind
    scores = values(detector, heard)
    assert np.all(scores[3:].min(axis=0) > scores[:3].max(axis=0))


def test_a_log_mel_encoder_hears_the_front_end_at_its_own_rate(encoder_file, normals, heard):
    path = encoder_file("log_mel")
    detector = unfitted(path, encoder_rate=16000, rdp_gamma=0, gem_power=1).fit(normals)
    front_end = make_config("embedding_memory", settings={**SMALL, "sample_rate": 16000}).front_end
    samples = resample(heard[0].waveform(), 16000).samples
    frames, _ = Encoder.open(np.fromfile(path, np.uint8), path).encode(log_mel(samples, front_end), 999, 1)
    bank = Neighbours.from_arrays(detector.arrays, "cosine")
    want = bank.scores(frames.astype(np.float64).mean(axis=0))
    assert detector.score(heard[0]).scores == pytest.approx(want, rel=1e-5)


def test_the_rate_of_the_encoder_counts(encoder_file, normals, heard):
    one, other = (unfitted(encoder_file(), encoder_rate=rate).fit(normals) for rate in (RATE, 16000))
    assert not np.allclose(values(one, heard), values(other, heard), rtol=1e-3)


def test_a_long_clip_is_heard_window_by_window(encoder_file, normals, machine_sound):
    """Frame by frame encoders must not tell how a clip was cut; those that hear a window as one must."""
    long = recording(machine_sound(7, seconds=3))
    whole, cut = (
        [
            values(unfitted(encoder_file(kind, clip_level=level), window_seconds=s).fit(normals), [long])
            for kind, level in (("log_mel", False), ("waveform", True))
        ]
        for s in (10, 1)
    )
    np.testing.assert_allclose(whole[0], cut[0], rtol=1e-4)
    assert not np.allclose(whole[1], cut[1], rtol=1e-3)


def test_the_model_file_holds_the_encoder(encoder_file, normals, heard, tmp_path):
    moved = tmp_path / "encoder.onnx"
    shutil.copy(encoder_file(), moved)
    detector = unfitted(str(moved)).fit(normals)
    Model(detector).save(tmp_path / "model.auscult")
    moved.unlink()
    again = load_model(tmp_path / "model.auscult").detector
    np.testing.assert_allclose(values(again, heard), values(detector, heard))


def test_or_its_path_alone_and_then_the_file_must_stay_the_same(encoder_file, normals, heard, tmp_path):
    moved = tmp_path / "encoder.onnx"
    shutil.copy(encoder_file(), moved)
    detector = unfitted(str(moved), embed_encoder=False).fit(normals)
    Model(detector).save(tmp_path / "model.auscult")
    again = load_model(tmp_path / "model.auscult").detector
    assert "encoder" not in again.arrays
    np.testing.assert_allclose(values(again, heard), values(detector, heard))
    shutil.copy(encoder_file(clip_level=True), moved)
    with pytest.raises(OptionError, match=r"encoder\.onnx.*SHA-256"):
        load_model(tmp_path / "model.auscult").detector.score(heard[0])
    moved.unlink()
    with pytest.raises(OptionError, match=r"encoder\.onnx.*No such file"):
        load_model(tmp_path / "model.auscult").detector.score(heard[0])


def test_without_an_encoder_it_says_what_to_do(normals):
    with pytest.raises(OptionError, match=r"--set encoder=PATH.*docs/encoders\.md"):
        EmbeddingMemory(make_config("embedding_memory", settings=SMALL)).fit(normals)
    assert EmbeddingMemory.required_options == ("encoder",)
    with pytest.raises(OptionError, match=r"nowhere\.onnx.*docs/encoders\.md"):
        unfitted("nowhere.onnx").fit(normals)


def test_an_encoder_of_other_bands_is_refused(encoder_file, normals):
    with pytest.raises(OptionError, match="set n_mels=16"):
        unfitted(encoder_file("log_mel"), n_mels=20).fit(normals)


def test_features_whose_number_depends_on_the_length_are_refused(encoder_file, tmp_path, machine_sound):
    import onnx

    model = onnx.load(encoder_file())
    nodes = model.graph.node
    nodes[-2].attribute[0].ints[:] = [0, 1, 2]  # (1, D, F): the frames stand where features should
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for name in ("a", "b", "c"):
        model.graph.output[0].type.tensor_type.shape.dim.add(dim_param=name)
    onnx.save(model, tmp_path / "turned.onnx")
    clips = [recording(machine_sound(i, seconds=1 + i)) for i in range(3)]
    with pytest.raises(OptionError, match="must not depend on the length"):
        unfitted(str(tmp_path / "turned.onnx")).fit(clips)


def test_an_encoder_that_gives_no_numbers_names_the_recording(encoder_file, tmp_path, normals, machine_sound):
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
def test_settings_that_mean_nothing_are_refused(option, value):
    with pytest.raises(OptionError, match=option):
        unfitted("any.onnx", **{option: value})


def test_one_recording_is_too_few(encoder_file, normals):
    with pytest.raises(FitError, match="at least 2"):
        unfitted(encoder_file()).fit(normals[:1])


def test_a_fleet_is_what_its_members_are_alone_and_hears_each_clip_once(encoder_file, normals, heard):
    counted = []
    listening = [
        AudioClip(r.clip, lambda r=r: counted.append(r) or r.waveform()) for r in normals
    ]  # counts what is read
    fleet = [unfitted(encoder_file()) for _ in range(3)]
    parts = [listening, listening[:8], listening[4:]]
    EmbeddingMemory.fit_fleet(fleet, parts)
    assert len(counted) == 2 * len(normals), "once for the encoder, once for the log-mel"
    for member, part in zip(fleet, parts, strict=True):
        alone = unfitted(encoder_file()).fit(part)
        np.testing.assert_allclose(values(member, heard), values(alone, heard))
        assert member.facts == alone.facts


def test_adapting_is_fitting_on_all_and_leaves_the_old_memory_alone(encoder_file, normals, heard):
    old = unfitted(encoder_file(), gem_power=2).fit(normals[:8])
    before = values(old, heard)
    new = old.adapted(normals[8:10]).adapted(normals[10:])
    whole = unfitted(encoder_file(), gem_power=2).fit(normals)
    np.testing.assert_allclose(values(new, heard), values(whole, heard), rtol=1e-4)
    for name in ("usual_bands", "usual_features"):
        np.testing.assert_allclose(new.arrays[name], whole.arrays[name])
    np.testing.assert_array_equal(values(old, heard), before)
    assert "adaptations" not in old.facts
    assert new.facts["adaptations"] == [
        "2 clips, 0 of them target, added to the 8 of the memory, 0 of them target",
        "2 clips, 2 of them target, added to the 10 of the memory, 0 of them target",
    ]
    assert new.score(normals[-1]).scores["nearest"] < old.score(normals[-1]).scores["nearest"]
    with pytest.raises(FitError, match="no recordings"):
        old.adapted([])


def test_cuts_of_one_recording_are_no_neighbours(encoder_file, machine_sound):
    sounds = [machine_sound(i // 2) for i in range(8)]  # each sound twice
    apart = [recording(s, f"{i}.wav") for i, s in enumerate(sounds)]
    cut = [recording(s, f"{i}.wav", source_recording=f"{i // 2}") for i, s in enumerate(sounds)]
    alone, together = (unfitted(encoder_file()).fit(clips).arrays["density"] for clips in (apart, cut))
    assert np.all(alone < 1e-6)
    assert np.all(together > 1e-6)
    grown = unfitted(encoder_file()).fit(cut[:5]).adapted(cut[5:])
    np.testing.assert_allclose(grown.arrays["density"], together, rtol=1e-4)
    assert grown.facts["cut_from"] == ["0", "1", "2", "3"]
    mixed = unfitted(encoder_file()).fit([*cut[:4], *apart[4:]]).arrays["groups"]
    assert mixed.tolist() == [0, 0, 1, 1, -5, -6, -7, -8]


def test_maps_point_at_when_and_roughly_where(encoder_file, normals, machine_sound):
    """Half a second of whistling at 3 kHz in a clip of two."""
    detector = unfitted(encoder_file()).fit(normals)
    sound = machine_sound(50, seconds=2)
    t = np.arange(RATE, RATE + RATE // 2) / RATE
    sound[RATE : RATE + RATE // 2] += 0.3 * np.sin(2 * np.pi * 3000 * t).astype(np.float32)
    evidence = detector.score(recording(sound), explain=True)
    frames = np.arange(evidence.maps["density"].shape[0]) * 256 / RATE
    inside = (frames > 1.0) & (frames < 1.5)
    for name, map_ in evidence.maps.items():
        when = map_.sum(axis=1)
        assert when[inside].mean() > 1.5 * when[~inside].mean(), name
        assert inside[np.argmax(map_.max(axis=1))], name
        assert 12 <= np.argmax(map_[inside].mean(axis=0)) <= 14, "3 kHz lies in the 14th of 16 bands"
    for name in ("density", "nearest", "domain"):
        assert evidence.maps[name].sum(axis=1).mean() == pytest.approx(evidence.scores[name], rel=1e-4)
    shared_out = evidence.maps["variance"].sum(axis=1).mean()
    assert np.log(shared_out) == pytest.approx(evidence.scores["variance"], rel=1e-4)


def test_a_clip_level_encoder_has_a_map_too(encoder_file, normals, heard):
    maps = unfitted(encoder_file(clip_level=True)).fit(normals).score(heard[-1], explain=True).maps
    when = maps["nearest"].sum(axis=1)
    np.testing.assert_allclose(when, when[0], rtol=1e-4)
