"""What every detector promises, asked of every entry of the table: a new one is covered by being there."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.options import make_config
from auscult.errors import FitError, OptionError, TooShortAudio
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

RATE = 8000
#: Small and short, where a detector has such an option.
SETTINGS = {
    "sample_rate": RATE,
    "n_fft": 512,
    "hop": 256,
    "n_mels": 16,
    "hidden": 16,
    "width": 4,
    "points": 256,
    "least_clips": 64,
    "epochs": 15,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "device": "cpu",
    "pseudo_anomalies": 2,
}


@pytest.fixture(scope="module", autouse=True)
def _brought(encoder_file):
    """What detectors need that only a user can bring."""
    SETTINGS["encoder"] = encoder_file()


def unfitted(name: str):
    kind = detector_type(name)
    options = {f.name for f in (*fields(kind.config_type), *fields(FrontEnd))}
    return kind(make_config(name, settings={k: v for k, v in SETTINGS.items() if k in options}))


def recording(samples: np.ndarray, path: str = "memory.wav", **known) -> AudioClip:
    waveform = Waveform(np.asarray(samples, np.float32), RATE, path=path)
    return AudioClip(Clip(path, **known), lambda: waveform)


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 21 + ["target"] * 3
    return [recording(machine_sound(seed), f"{seed}.wav", domain=d) for seed, d in enumerate(domains)]


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request, normals):
    return unfitted(request.param).fit(normals)


@pytest.fixture(scope="module")
def heard(machine_sound) -> list[AudioClip]:
    """Clips that no detector was fitted on, of several lengths; the last three are broken."""
    sound = [machine_sound(100 + i, 0.7 + 0.1 * i) for i in range(5)]
    sound += [machine_sound(200 + i, broken=True) for i in range(3)]
    return [recording(samples, f"heard {i}.wav") for i, samples in enumerate(sound)]


def close(one, other) -> bool:
    return one.keys() == other.keys() and all(one[k] == pytest.approx(other[k], rel=1e-5) for k in one)


def test_scores_are_complete_and_finite(detector, heard):
    for clip in heard:
        scores = detector.score(clip).scores
        assert tuple(scores) == detector.scores
        assert all(isinstance(value, float) and np.isfinite(value) for value in scores.values())
    assert detector.decisive_score in detector.scores


def test_a_broken_machine_scores_higher(detector, heard):
    values = [detector.score(clip).scores[detector.decisive_score] for clip in heard]
    assert min(values[5:]) > max(values[:5])


def test_the_same_clips_and_seed_give_the_same_detector(detector, normals, heard):
    again = unfitted(detector.name).fit(normals)
    assert all(close(again.score(clip).scores, detector.score(clip).scores) for clip in heard)


def test_a_score_depends_on_model_and_clip_alone(detector, heard):
    first = [detector.score(clip).scores for clip in heard]
    backwards = [detector.score(clip).scores for clip in reversed(heard)][::-1]
    assert all(close(one, other) for one, other in zip(first, backwards, strict=True))
    alone = copy.copy(detector)
    assert close(alone.score(heard[3]).scores, first[3])


def test_threads_may_score_side_by_side(detector, heard):
    """From the first clip on, when what is made once is not there yet."""
    alone = [detector.score(clip).scores for clip in heard]
    fresh = type(detector)(detector.config)
    fresh.arrays, fresh.facts = detector.arrays, detector.facts
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda clip: fresh.score(clip).scores, heard * 3))
    assert all(one == pytest.approx(other, rel=1e-9) for one, other in zip(alone * 3, together, strict=True))


def test_scoring_changes_nothing(detector, heard):
    arrays = {name: array.copy() for name, array in detector.arrays.items()}
    facts = copy.deepcopy(detector.facts)
    samples = heard[0].waveform().samples.copy()
    detector.score(heard[0], explain=True)
    assert detector.facts == facts
    assert detector.arrays.keys() == arrays.keys()
    assert all(np.array_equal(detector.arrays[name], array) for name, array in arrays.items())
    np.testing.assert_array_equal(heard[0].waveform().samples, samples)


def test_a_file_scores_as_its_samples(detector, heard, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, heard[5].waveform().samples, RATE, subtype="FLOAT")
    from_file = AudioClip.from_file(Clip(str(path)), sample_rate=RATE)
    assert close(detector.score(from_file).scores, detector.score(heard[5]).scores)


def test_a_saved_model_scores_as_before(detector, heard, tmp_path):
    Model(detector).save(tmp_path / "model.auscult")
    again = load_model(tmp_path / "model.auscult").detector
    assert type(again) is type(detector)
    assert again.config == detector.config
    assert again.parameters == detector.parameters
    for clip in heard:
        assert close(again.score(clip).scores, detector.score(clip).scores)


def test_explanations(detector, heard):
    for clip in heard[::3]:
        evidence = detector.score(clip, explain=True)
        assert close(evidence.scores, detector.score(clip).scores)
        assert set(evidence.maps) == set(detector.scores)
        for name, map_ in evidence.maps.items():
            assert map_.shape == clip.log_mel(detector.config.front_end).shape, name
            assert map_.dtype == np.float32
            assert np.all(np.isfinite(map_)), name
    assert not detector.score(heard[0]).maps


def test_what_is_learnt_has_the_expected_shapes(detector):
    shapes = detector.expected_shapes()
    assert shapes.keys() == detector.arrays.keys()
    for name, array in detector.arrays.items():
        assert len(shapes[name]) == array.ndim, name
        assert all(want in (None, got) for want, got in zip(shapes[name], array.shape, strict=True)), name
        assert np.all(np.isfinite(array)), name


def test_facts_and_parameters(detector):
    assert json.loads(json.dumps(detector.facts, allow_nan=False)) == detector.facts
    assert isinstance(detector.parameters, int)
    assert detector.parameters > 0


def test_more_recordings_make_a_new_detector(detector, heard):
    arrays, facts = dict(detector.arrays), copy.deepcopy(detector.facts)
    before = detector.score(heard[0]).scores
    with pytest.raises((FitError, OptionError)):
        detector.adapted([])
    try:
        grown = detector.adapted(heard[:2])
    except OptionError:
        pytest.skip(f"{detector.name} cannot take more recordings in")
    assert detector.arrays.keys() == arrays.keys()
    assert all(detector.arrays[name] is array for name, array in arrays.items())
    assert detector.facts == facts
    assert close(detector.score(heard[0]).scores, before)
    assert len(json.loads(json.dumps(grown.facts, allow_nan=False))["adaptations"]) == 1
    assert grown.arrays.keys() == grown.expected_shapes().keys() == arrays.keys()
    assert all(np.isfinite(value) for clip in heard for value in grown.score(clip).scores.values())
    assert not close(grown.score(heard[0]).scores, before)


def test_the_shortest_clip_and_a_sample_less(detector, machine_sound):
    needed = detector.minimum_samples()
    assert 1 <= needed < RATE
    sound = machine_sound(300)
    scores = detector.score(recording(sound[:needed])).scores
    assert all(np.isfinite(value) for value in scores.values())
    with pytest.raises(TooShortAudio, match=r"short\.wav"):
        Model(detector).score_recording(recording(sound[: needed - 1], "short.wav"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: 0 * s,
        lambda s: 0 * s + 0.5,
        lambda s: np.clip(100 * s, -1, 1),
        lambda s: 1e-4 * s,
        lambda s: 30 * s,
        lambda s: np.eye(1, len(s), 4000)[0],
    ],
    ids=["silence", "DC", "clipped", "quiet", "loud", "click"],
)
def test_odd_sounds_get_finite_scores(detector, machine_sound, spoil):
    evidence = detector.score(recording(spoil(machine_sound(400))), explain=True)
    assert all(np.isfinite(value) for value in evidence.scores.values())
    assert all(np.all(np.isfinite(map_)) for map_ in evidence.maps.values())


@pytest.mark.parametrize("name", DETECTORS)
def test_poor_recordings_give_a_detector_or_one_error(name, machine_sound, heard):
    """One clip, two clips, silence, and the same clip many times over."""
    one, other, silence = (recording(s) for s in (machine_sound(0), machine_sound(1), np.zeros(RATE)))
    several = [recording(machine_sound(i)) for i in range(5)]
    fleets = [[one], [one, other], [], [silence] * 3, [one] * 5, several]
    fleet = [unfitted(name) for _ in fleets]
    outcomes = type(fleet[0]).fit_fleet(fleet, fleets)
    assert all(error is None or isinstance(error, FitError) for error in outcomes)
    assert outcomes[2] is not None, "there is nothing to learn from"
    assert outcomes[-1] is None, "one that cannot learn does not stop the rest"
    for fitted in (detector for detector, error in zip(fleet, outcomes, strict=True) if error is None):
        assert all(np.isfinite(value) for value in fitted.score(heard[0]).scores.values())
        json.dumps(fitted.facts, allow_nan=False)
        assert all(np.all(np.isfinite(array)) for array in fitted.arrays.values())
    with pytest.raises(FitError):
        unfitted(name).fit([])


def test_an_unfitted_detector_holds_nothing():
    for name in DETECTORS:
        kind = unfitted(name)
        assert (kind.arrays, kind.facts, kind.name) == ({}, {}, name)
        assert kind.scores
