"""The contract of `Detector`, checked for every registered detector; new ones are covered automatically."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.options import make_config
from auscult.errors import FitError, NotFittedError, OptionError, TooShortAudio
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

RATE = 8000
#: Small networks and short training; a detector gets those of the options that it has.
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
}


@pytest.fixture(scope="module", autouse=True)
def _required_options(encoder_file):
    """Sets the options that have no default."""
    SETTINGS["encoder"] = encoder_file()


def unfitted(name: str):
    kind = detector_type(name)
    options = {f.name for f in (*fields(kind.config_type), *fields(FrontEnd))}
    return kind(make_config(name, settings={k: v for k, v in SETTINGS.items() if k in options}))


def recording(samples: np.ndarray, path: str = "memory.wav", **metadata) -> AudioClip:
    waveform = Waveform(np.asarray(samples, np.float32), RATE, path=path)
    return AudioClip(Clip(path, **metadata), lambda: waveform)


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 21 + ["target"] * 3
    return [recording(machine_sound(seed), f"{seed}.wav", domain=d) for seed, d in enumerate(domains)]


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request, normals):
    return unfitted(request.param).fit(normals)


@pytest.fixture(scope="module")
def unseen(machine_sound) -> list[AudioClip]:
    """Clips that no detector was fitted on: five normal ones of several lengths, then three anomalies."""
    sounds = [machine_sound(100 + i, 0.7 + 0.1 * i) for i in range(5)]
    sounds += [machine_sound(200 + i, broken=True) for i in range(3)]
    return [recording(samples, f"unseen {i}.wav") for i, samples in enumerate(sounds)]


def close(scores, expected) -> bool:
    return scores.keys() == expected.keys() and all(
        scores[name] == pytest.approx(expected[name], rel=1e-5) for name in scores
    )


def test_scores_are_complete_and_finite(detector, unseen):
    for clip in unseen:
        scores = detector.score(clip).scores
        assert tuple(scores) == detector.scores, "`score` returns all scores of the class, in that order"
        for name, value in scores.items():
            assert isinstance(value, float), f"{name} is a {type(value).__name__}: convert it with float()"
            assert np.isfinite(value), f"{name} is {value}"
    assert detector.decisive_score in detector.scores


def test_anomalies_score_higher_than_normal_clips(detector, unseen):
    values = [detector.score(clip).scores[detector.decisive_score] for clip in unseen]
    assert min(values[5:]) > max(values[:5]), (
        f"{detector.decisive_score} of five normal clips, then three with a fault: "
        f"{', '.join(f'{value:.4g}' for value in values)}; higher must be more anomalous"
    )


def test_fitting_is_deterministic(detector, normals, unseen):
    again = unfitted(detector.name).fit(normals)
    for clip in unseen:
        scores, expected = again.score(clip).scores, detector.score(clip).scores
        assert close(scores, expected), (
            f"fitted twice, scores of {clip.clip.path} differ: {scores} and {expected}; random numbers have "
            "to come from a generator seeded by config.seed"
        )


def test_scores_do_not_depend_on_earlier_calls(detector, unseen):
    first = [detector.score(clip).scores for clip in unseen]
    in_reverse = [detector.score(clip).scores for clip in reversed(unseen)][::-1]
    for clip, scores, expected in zip(unseen, in_reverse, first, strict=True):
        assert close(scores, expected), f"{clip.clip.path}: {scores} after other clips, {expected} before"
    copied = copy.copy(detector)
    assert close(copied.score(unseen[3]).scores, first[3]), "a copy scores differently"


def test_scoring_is_thread_safe(detector, unseen):
    """Also for the first clips, when lazily created objects such as ONNX sessions do not exist yet."""
    sequential = [detector.score(clip).scores for clip in unseen]
    fresh = type(detector)(detector.config)
    fresh.arrays, fresh.facts = detector.arrays, detector.facts
    with ThreadPoolExecutor(4) as threads:
        concurrent = list(threads.map(lambda clip: fresh.score(clip).scores, unseen * 3))
    assert all(
        scores == pytest.approx(expected, rel=1e-9)
        for scores, expected in zip(concurrent, sequential * 3, strict=True)
    ), "`score` runs in several threads at once, so it must not change attributes of the detector"


def test_scoring_changes_neither_detector_nor_clip(detector, unseen):
    arrays = {name: array.copy() for name, array in detector.arrays.items()}
    facts = copy.deepcopy(detector.facts)
    samples = unseen[0].waveform().samples.copy()
    detector.score(unseen[0], explain=True)
    assert detector.facts == facts, "`score` changed facts"
    assert detector.arrays.keys() == arrays.keys(), "`score` added or removed arrays"
    for name, array in arrays.items():
        assert np.array_equal(detector.arrays[name], array), f"`score` changed the array {name}"
    np.testing.assert_array_equal(unseen[0].waveform().samples, samples)


def test_a_file_and_the_same_samples_get_equal_scores(detector, unseen, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, unseen[5].waveform().samples, RATE, subtype="FLOAT")
    from_file = AudioClip.from_file(Clip(str(path)), sample_rate=RATE)
    assert close(detector.score(from_file).scores, detector.score(unseen[5]).scores)


def test_a_saved_model_gives_the_same_scores(detector, unseen, tmp_path):
    Model(detector).save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult").detector
    assert type(loaded) is type(detector)
    assert loaded.config == detector.config
    assert loaded.parameters == detector.parameters
    for clip in unseen:
        scores, expected = loaded.score(clip).scores, detector.score(clip).scores
        assert close(scores, expected), (
            f"{clip.clip.path}: {scores} after loading, {expected} before: what `score` uses must be in "
            "config, arrays and facts"
        )


def test_every_score_has_a_finite_map(detector, unseen):
    for clip in unseen[::3]:
        evidence = detector.score(clip, explain=True)
        assert close(evidence.scores, detector.score(clip).scores), "explain=True changes the scores"
        assert set(evidence.maps) == set(detector.scores), "explain=True gives one map for each score"
        shape = clip.log_mel(detector.config.front_end).shape
        for name, map_ in evidence.maps.items():
            assert map_.shape == shape, (
                f"map of {name}: shape {map_.shape}, but that of the log-mel is {shape}"
            )
            assert map_.dtype == np.float32, f"map of {name}: {map_.dtype} instead of float32"
            assert np.all(np.isfinite(map_)), f"map of {name}: not all values are finite"
    assert not detector.score(unseen[0]).maps, "without explain=True there are no maps"


def test_fitted_arrays_have_the_expected_shapes(detector):
    shapes = detector.expected_shapes()
    assert shapes.keys() == detector.arrays.keys(), "`expected_shapes` has one entry for each array"
    for name, array in detector.arrays.items():
        agree = len(shapes[name]) == array.ndim and all(
            expected in (None, length) for expected, length in zip(shapes[name], array.shape, strict=True)
        )
        assert agree, f"array {name} has shape {array.shape}, but `expected_shapes` says {shapes[name]}"
        assert np.all(np.isfinite(array)), f"array {name}: not all values are finite"


def test_facts_are_json_and_parameters_are_counted(detector):
    assert json.loads(json.dumps(detector.facts, allow_nan=False)) == detector.facts, (
        "facts must be JSON: text, Python numbers, lists and dicts with text as keys"
    )
    assert isinstance(detector.parameters, int), f"parameters is a {type(detector.parameters).__name__}"
    assert detector.parameters > 0, "a fitted detector has arrays"


def test_adapting_returns_a_new_detector(detector, unseen):
    arrays, facts = dict(detector.arrays), copy.deepcopy(detector.facts)
    before = detector.score(unseen[0]).scores
    with pytest.raises((FitError, OptionError)):
        detector.adapted([])
    try:
        adapted = detector.adapted(unseen[:2])
    except OptionError:
        pytest.skip(f"{detector.name} cannot be adapted")
    assert detector.arrays.keys() == arrays.keys()
    assert all(detector.arrays[name] is array for name, array in arrays.items())
    assert detector.facts == facts
    assert close(detector.score(unseen[0]).scores, before)
    assert len(json.loads(json.dumps(adapted.facts, allow_nan=False))["adaptations"]) == 1
    assert adapted.arrays.keys() == adapted.expected_shapes().keys() == arrays.keys()
    assert all(np.isfinite(value) for clip in unseen for value in adapted.score(clip).scores.values())
    assert not close(adapted.score(unseen[0]).scores, before)


def test_refitting_forgets_the_earlier_recordings(detector, normals, machine_sound, unseen):
    """Clips of a fault that are declared normal score low afterwards, and the earlier normal clips high."""
    new = [recording(machine_sound(500 + i, broken=True), f"new {i}.wav") for i in range(20)]
    arrays, facts = dict(detector.arrays), copy.deepcopy(detector.facts)
    try:
        refitted, fold_models = detector.cross_refitted(new, [i % 5 for i in range(20)])
    except OptionError:
        pytest.skip(f"{detector.name} cannot be refitted")
    assert len(fold_models) == 5
    assert all(detector.arrays[name] is array for name, array in arrays.items())
    assert detector.facts == facts, "the old detector is not changed"
    assert refitted.config == detector.config
    assert refitted.arrays.keys() == refitted.expected_shapes().keys() == arrays.keys()
    assert len(json.loads(json.dumps(refitted.facts, allow_nan=False))["adaptations"]) == 1
    statistics = detector.name not in ("autoencoder", "gamma_vae", "gamma_observation")
    name = (
        detector.decisive_score if statistics else detector.scores[-1]
    )  # others depend on the network alone
    known, held_out, earlier = (
        np.mean([fitted.score(clip).scores[name] for clip in clips])
        for fitted, clips in ((refitted, new), (fold_models[0], new[::5]), (refitted, normals))
    )
    assert max(known, held_out) < earlier
    with pytest.raises((FitError, OptionError)):
        detector.refitted([])


def test_a_refitted_bank_is_a_fitted_one(detector, unseen):
    """What does not depend on a network is the same as after fitting on the new clips alone."""
    if detector.name not in ("spectral_memory", "pooled_gaussian", "embedding_memory", "subspace_residual"):
        pytest.skip("it has a network, or its members were selected on the earlier clips")
    refitted, fitted = detector.refitted(unseen[:5]), unfitted(detector.name).fit(unseen[:5])
    assert all(close(refitted.score(clip).scores, fitted.score(clip).scores) for clip in unseen)


def test_fold_models_are_fits_without_the_fold(detector, normals):
    """However few recordings a fold has, and whatever is computed once for all folds."""
    if type(detector).extra or detector.name == "auto":
        pytest.skip("networks of a fleet differ by rounding; fold models of auto share its standardisation")
    folds = [0, 0, *range(1, 9)]
    clips = [*normals[:8], *normals[-2:]]
    final, fold_models = type(detector).crossfit(detector.config, clips, folds)
    assert len(fold_models) == 9
    training_sets = [[c for c, f in zip(clips, folds, strict=True) if f != fold] for fold in range(9)]
    for model, training_set in zip((final, *fold_models), (clips, *training_sets), strict=True):
        fitted = unfitted(detector.name).fit(training_set)
        for clip in (*clips[:3], clips[-1]):
            assert model.score(clip).scores == pytest.approx(fitted.score(clip).scores, rel=1e-8, abs=1e-8)


def test_the_shortest_clip_is_scored_and_a_shorter_one_rejected(detector, machine_sound):
    minimum = detector.minimum_samples()
    assert 1 <= minimum < RATE, f"minimum_samples() is {minimum}; test clips have {RATE} samples"
    sound = machine_sound(300)
    scores = detector.score(recording(sound[:minimum])).scores
    assert all(np.isfinite(value) for value in scores.values()), f"{minimum} samples give {scores}"
    with pytest.raises(TooShortAudio, match=r"short\.wav"):
        Model(detector).score_recording(recording(sound[: minimum - 1], "short.wav"))


@pytest.mark.parametrize(
    "transform",
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
def test_degenerate_sounds_get_finite_scores(detector, machine_sound, transform):
    evidence = detector.score(recording(transform(machine_sound(400))), explain=True)
    assert all(np.isfinite(value) for value in evidence.scores.values()), evidence.scores
    for name, map_ in evidence.maps.items():
        assert np.all(np.isfinite(map_)), f"map of {name}: not all values are finite"


@pytest.mark.parametrize("name", DETECTORS)
def test_poor_training_sets_give_a_detector_or_a_fit_error(name, machine_sound, unseen):
    """One clip, two clips, none, silence, copies of one clip, and, for comparison, five clips."""
    first, second, silence = (recording(s) for s in (machine_sound(0), machine_sound(1), np.zeros(RATE)))
    several = [recording(machine_sound(i)) for i in range(5)]
    training_sets = [[first], [first, second], [], [silence] * 3, [first] * 5, several]
    fleet = [unfitted(name) for _ in training_sets]
    errors = type(fleet[0]).fit_fleet(fleet, training_sets)
    for error in errors:
        assert error is None or isinstance(error, FitError), f"raise FitError instead of {error!r}"
    assert errors[2] is not None, "no recordings must raise FitError"
    assert errors[-1] is None, f"five recordings must be enough, and other fits must not matter: {errors[-1]}"
    for fitted in (detector for detector, error in zip(fleet, errors, strict=True) if error is None):
        assert all(np.isfinite(value) for value in fitted.score(unseen[0]).scores.values())
        json.dumps(fitted.facts, allow_nan=False)
        assert all(np.all(np.isfinite(array)) for array in fitted.arrays.values())
    with pytest.raises(FitError):
        unfitted(name).fit([])


@pytest.mark.parametrize("name", DETECTORS)
def test_an_unfitted_detector_has_no_state_and_says_so(name, normals):
    detector = unfitted(name)
    assert (detector.arrays, detector.facts, detector.name) == ({}, {}, name)
    assert detector.scores
    for unchanged in (detector, pickle.loads(pickle.dumps(detector))):
        with pytest.raises(NotFittedError, match="call its method fit first"):
            unchanged.score(normals[0])
