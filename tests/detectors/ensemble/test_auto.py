"""The ensemble: standardisation by held-out scores, fusion, the time limit, and its maps."""

from __future__ import annotations

import json
import math
import sys
from types import ModuleType

import numpy as np
import pytest
from tests.helpers import recording

from auscult.corpus import AudioClip, folds_of
from auscult.corpus.inspection import Inspection
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.base import Config, Detector, Evidence
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.ensemble.auto import Auto
from auscult.detectors.ensemble.config import FUSIONS, AutoConfig
from auscult.detectors.ensemble.members import MEMBERS, Member
from auscult.detectors.ensemble.time_limit import config_within_budget
from auscult.detectors.maps.bin_residuals import BinResiduals, sharpened
from auscult.detectors.maps.map_profile import MapProfile, resized
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.subspace_residual import SubspaceResidual
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import FitError, MissingExtraError, OptionError
from auscult.findings import messages
from auscult.model import Model
from auscult.model.fit_spec import MANY_FOLDS, FitSpec, InspectedFit
from auscult.model.fitting import fit_models
from auscult.model.model_file import load_model

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}
TWO = ("levels", "quarter_modulation")


def config(**settings) -> AutoConfig:
    result = make_config("auto", settings={"members": ",".join(TWO), **SMALL, **settings})
    assert isinstance(result, AutoConfig)
    return result


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 15 + ["target"] * 3
    return [recording(machine_sound(i, 0.5), f"{i}.wav", domain=d) for i, d in enumerate(domains)]


@pytest.fixture(scope="module")
def unseen(machine_sound) -> list[AudioClip]:
    return [recording(machine_sound(100 + i, 0.6, broken=i > 2), f"unseen {i}.wav") for i in range(5)]


@pytest.fixture(scope="module")
def folds(normals) -> list[int]:
    return folds_of(normals, 5, config().seed)


@pytest.fixture(scope="module")
def ensembles(normals, folds) -> list[Auto]:
    """The final ensemble, then its fold models."""
    final, fold_models = Auto.crossfit(config(), TrainingSet(normals, folds))
    return [final, *fold_models]


@pytest.fixture(scope="module")
def separate(normals, folds) -> dict[str, list[Detector]]:
    """Each member cross-fitted outside an ensemble: the final detector, then its fold models."""
    fitted = {}
    for name in TWO:
        member_config = MEMBERS[name].config(config().seed, config().front_end)
        final, fold_models = crossfit(
            detector_type(MEMBERS[name].detector), member_config, TrainingSet(normals, folds)
        )
        fitted[name] = [final, *fold_models]
    return fitted


@pytest.fixture(scope="module")
def mean_and_sd(separate, normals, folds) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the held-out scores of each member."""
    result = {}
    for name in TWO:
        scores = [
            separate[name][1 + fold].score(r).scores[MEMBERS[name].score]
            for fold, r in zip(folds, normals, strict=True)
        ]
        result[name] = (float(np.mean(scores)), float(np.std(scores, ddof=1)))
    return result


def test_members_are_standardised_by_held_out_scores(ensembles, mean_and_sd):
    for ensemble in ensembles:
        for column, name in zip(ensemble.arrays["standard"].T, TWO, strict=True):
            np.testing.assert_allclose(column, mean_and_sd[name], rtol=1e-6)


@pytest.mark.parametrize("fusion", ["arsinh", "mean"])
def test_scores_are_the_weighted_mean_and_the_minimum(ensembles, separate, mean_and_sd, unseen, fusion):
    for index, ensemble in enumerate(ensembles):
        other = Auto(config(fusion=fusion))
        other.arrays, other.facts = ensemble.arrays, ensemble.facts
        for clip in unseen:
            z = []
            for name in TWO:
                mean, sd = mean_and_sd[name]
                z.append((separate[name][index].score(clip).scores[MEMBERS[name].score] - mean) / sd)
            first, second = (math.asinh(value) for value in z) if fusion == "arsinh" else z
            assert (MEMBERS[TWO[0]].weight, MEMBERS[TWO[1]].weight) == (1, 2)
            expected = {"mean": (first + 2 * second) / 3, "minimum": min(z)}
            assert other.score(clip).scores == pytest.approx(expected, rel=1e-5)


def test_one_extreme_member_does_not_decide():
    """Other members outweigh a z-score of 100 unless they are near the normal ones."""
    assert FUSIONS["arsinh"](np.array([100.0, 0, 0])).mean() < FUSIONS["arsinh"](np.array([4.0, 4, 4])).mean()
    assert FUSIONS["mean"](np.array([100.0, 0, 0])).mean() > FUSIONS["mean"](np.array([4.0, 4, 4])).mean()


def test_the_map_of_minimum_is_that_of_the_member_with_the_smallest_score(
    ensembles, separate, mean_and_sd, unseen
):
    final, smallest = ensembles[0], set()
    for clip in unseen:
        shape = clip.log_mel(config().front_end).shape
        z = {}
        for name in TWO:
            mean, sd = mean_and_sd[name]
            z[name] = (separate[name][0].score(clip).scores[MEMBERS[name].score] - mean) / sd
        name = min(z, key=z.__getitem__)
        smallest.add(name)
        map = separate[name][0].score(clip, explain=True).maps[MEMBERS[name].score]
        profile = MapProfile.from_arrays(final.arrays[f"profile/{name}"])
        expected = resized(profile.smoothed_zscore(map), shape)
        maps = final.score(clip, explain=True).maps
        np.testing.assert_allclose(maps["minimum"], expected, rtol=1e-4, atol=1e-4)
        assert maps["mean"].shape == shape
    assert smallest == set(TWO), "both occur, one of which has other frames and bands than the ensemble"


def test_the_map_of_mean_combines_the_members_maps_and_the_bin_residuals(ensembles, unseen):
    final = ensembles[0]
    frames = unseen[-1].log_mel(config().front_end)
    arrays = final.arrays
    maps = []
    for name, member in final.members.items():
        raw = member.score(unseen[-1], explain=True).maps[member.decisive_score]
        profile = MapProfile.from_arrays(arrays[f"profile/{name}"])
        maps.append(resized(profile.smoothed_zscore(raw), frames.shape))
    bins = BinResiduals(arrays["bins/mean"], arrays["bins/weights"])
    centre, spread = arrays["profile/bins"]
    levels, residual = (np.arcsinh(map) for map in maps)
    combined = (bins.map(frames) - centre) / spread + 0.5 * (levels + 2 * residual) / 3
    expected = sharpened(combined, bins.residuals(frames))
    actual = final.score(unseen[-1], explain=True).maps["mean"]
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_the_map_of_a_fault_peaks_at_the_resonance(ensembles, unseen):
    """The knocks ring at 2.6 kHz, which is in the upper half of the bands up to 4 kHz."""
    map = ensembles[0].score(unseen[4], explain=True).maps["mean"].mean(axis=0)
    assert map.argmax() >= 8
    assert map.max() > 3


def test_facts_list_the_members(ensembles):
    facts = ensembles[0].facts
    assert list(facts["members"]) == list(TWO)
    for name, stored in facts["members"].items():
        member = MEMBERS[name]
        assert (stored["detector"], stored["config"]["score"]) == (member.detector, member.score)
        assert stored["weight"] == member.weight
        assert stored["seconds"] > 0
    assert facts["findings"] == []
    assert json.loads(json.dumps(facts)) == facts


def test_fitting_is_deterministic(ensembles, normals, folds):
    again, _ = Auto.crossfit(config(), TrainingSet(normals, folds))
    assert again.arrays.keys() == ensembles[0].arrays.keys()
    for name, array in again.arrays.items():
        np.testing.assert_array_equal(array, ensembles[0].arrays[name])


def test_fold_models_are_complete_detectors(ensembles, unseen, tmp_path):
    for index in (1, 3):
        Model(ensembles[index]).save(tmp_path / "fold_model.auscult")
        loaded = load_model(tmp_path / "fold_model.auscult").detector
        assert loaded.facts == ensembles[index].facts
        for clip in unseen:
            assert loaded.score(clip).scores == pytest.approx(ensembles[index].score(clip).scores, rel=1e-9)
    first, third = (ensembles[index].score(unseen[0]).scores["mean"] for index in (1, 3))
    assert first != third


def test_members_that_differ_only_in_the_score_are_fitted_once(normals, folds, unseen, monkeypatch):
    fitted = []
    fit_statistics = SubspaceResidual.fit_statistics
    monkeypatch.setattr(
        SubspaceResidual, "fit_statistics", lambda self, of: fitted.append(1) or fit_statistics(self, of)
    )
    both, _ = Auto.crossfit(config(members="residual,error"), TrainingSet(normals, folds))
    assert len(fitted) == 1 + 5
    alone, _ = Auto.crossfit(config(members="error"), TrainingSet(normals, folds))
    for name, array in alone.arrays.items():
        if name.startswith("error/"):
            np.testing.assert_array_equal(both.arrays[name], array)
    again = recording(unseen[0].waveform().samples, "again")  # without what the first score has left
    error = alone.score(again).scores["mean"]
    z = both.members["error"].score(unseen[0]).scores["residual"]
    assert FUSIONS["arsinh"](Standardizer.from_arrays(alone.arrays["standard"]).z(np.array([z]))) == (
        pytest.approx(error)
    )


def test_held_out_scores_are_those_that_the_fold_model_would_compute(ensembles, normals, folds):
    fold_models = ensembles[1:]
    for clip, fold in zip(normals, folds, strict=True):
        known = fold_models[fold]
        other = Auto(known.config)
        other.arrays, other.facts = known.arrays, known.facts
        assert other.score(clip).scores == pytest.approx(known.score(clip).scores, rel=1e-12)


def test_a_model_is_calibrated_with_the_fold_models(normals):
    spec = FitSpec("auto", config(), [r.clip for r in normals], "crossfit")
    (made,) = fit_models([InspectedFit(spec, Inspection(tuple(normals), (), None))])
    folds = folds_of(normals, MANY_FOLDS, config().seed)
    _, fold_models = Auto.crossfit(config(), TrainingSet(normals, folds))
    expected = [fold_models[f].score(r).scores["mean"] for f, r in zip(folds, normals, strict=True)]
    np.testing.assert_allclose(made.calibration.scores["mean"], expected, rtol=1e-6)
    assert messages(made.warnings) == []


@pytest.fixture
def table(monkeypatch):
    """``table(Kind, …)`` registers detectors, each also as a member of its name, and returns the names."""
    module = ModuleType("members_of_this_test")
    monkeypatch.setitem(sys.modules, "members_of_this_test", module)

    def add(*kinds: type[Detector]) -> str:
        for kind in kinds:
            setattr(module, kind.__name__, kind)
            monkeypatch.setitem(DETECTORS, kind.name, ("members_of_this_test", kind.__name__))
            monkeypatch.setitem(MEMBERS, kind.name, Member(kind.name, kind.scores[0]))
        return ",".join(kind.name for kind in kinds)

    return add


class Clock(Detector):
    """Scores only the duration of a clip."""

    name = "clock"
    scores = ("seconds",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"mean": np.array([np.mean([len(r.waveform().samples) for r in recordings]) / RATE])}
        self.facts = {"others": len(other_machines)}
        return self

    def score(self, recording, *, explain=False):
        difference = abs(len(recording.waveform().samples) / RATE - float(self.arrays["mean"][0]))
        frames = recording.log_mel(self.config.front_end)
        maps = {"seconds": np.full_like(frames, difference)} if explain else {}
        return Evidence({"seconds": difference}, maps)

    def expected_shapes(self):
        return {"mean": (1,)}


class WithWarning(Clock):
    """Adds a warning to its facts."""

    name = "with_warning"

    def fit(self, recordings, *, other_machines=(), progress=None):
        super().fit(recordings)
        self.facts["findings"] = []
        self.add_finding("equal_lengths", "all clips are equally long")
        return self


class Broken(Clock):
    """Cannot be fitted."""

    name = "broken"

    def fit(self, recordings, *, other_machines=(), progress=None):
        raise FitError("broken: it does not start")


def test_a_member_that_cannot_be_fitted_is_skipped_with_a_warning(table, normals):
    made = Auto(config(members=f"levels,{table(Broken)}")).fit(normals)
    assert list(made.facts["members"]) == ["levels"]
    held_out = "14 of 18 recordings are left when one of 5 folds is held out"
    assert messages(made.findings) == [f"skipped broken: broken: it does not start ({held_out})"]


def test_too_few_clips_for_some_members(normals):
    made = Auto(config(members="levels,neighbours", folds=2)).fit(normals[:5])
    assert list(made.facts["members"]) == ["neighbours"]
    (warning,) = messages(made.findings)
    assert warning.startswith("skipped levels: pooled_gaussian: cannot estimate a variance from 2 recordings")
    assert "at least 4 are required (2 of 5 recordings are left when one of 2 folds is held out)" in warning


def test_if_no_member_can_be_fitted_the_error_gives_all_reasons(table, normals):
    with pytest.raises(FitError, match=r"no member could be fitted: skipped broken: .* does not start"):
        Auto(config(members=table(Broken))).fit(normals)
    with pytest.raises(FitError, match="at least 2 are required") as caught:
        Auto(config(members="untrained")).fit(normals[:1])
    reasons = str(caught.value)
    assert "skipped levels, modulation, half_levels, half_modulation, quarter_levels" in reasons
    assert "skipped neighbours, half_neighbours, quarter_neighbours: spectral_memory: cannot" in reasons
    assert "from 1 recording;" in reasons
    with pytest.raises(FitError, match="no recordings"):
        Auto(config()).fit([])


def test_a_very_short_time_limit_leaves_only_the_first_member(normals):
    made = Auto(config(members="untrained", time_limit=1e-6)).fit(normals[:10])
    names = [name for name, member in MEMBERS.items() if not member.trains]
    assert list(made.facts["members"]) == names[:1]
    (warning,) = messages(made.findings)
    assert warning == f"skipped {', '.join(names[1:])}: not enough of the time limit of 1e-06 s is left"


def test_a_long_time_limit_has_no_effect(normals):
    made = Auto(config(time_limit=3600.0)).fit(normals)
    assert (list(made.facts["members"]), messages(made.findings)) == (list(TWO), [])


def test_a_network_gets_as_many_epochs_as_fit_into_the_time_limit(normals, monkeypatch):
    member = Member("autoencoder", "mse", {"hidden": 8, "device": "cpu"})
    monkeypatch.setitem(MEMBERS, "network", member)
    made = Auto(config(members="levels,network", time_limit=60.0)).fit(normals[:8])
    member_config = made.facts["members"]["network"]["config"]
    assert member_config["epochs"] == 100, "all: an epoch takes milliseconds, one-off work not included"
    assert member_config["validation"] == 0, "folds are held out already"
    training = TrainingSet(normals[:8], [i % 2 for i in range(8)])
    assert config_within_budget(math.inf, member, config(), training, None).epochs == 100
    with pytest.raises(FitError, match="is not enough for 5 epochs"):
        config_within_budget(1e-3, member, config(), training, None)


def test_warnings_of_members_are_warnings_of_the_ensemble(table, normals):
    made = Auto(config(members=f"levels,{table(WithWarning)}")).fit(normals)
    assert messages(made.findings) == ["with_warning: all clips are equally long"]


def test_the_ensemble_uses_other_machines_if_a_member_does():
    assert not Auto.uses_other_machines(config())
    assert not Auto.uses_other_machines(config(members="untrained"))
    assert Auto.uses_other_machines(config(members="levels,classes"))


def test_other_machines_are_passed_to_the_members(table, normals, machine_sound):
    other_machines = [recording(machine_sound(50, 0.5), "other.wav")]
    made = Auto(config(members=table(Clock))).fit(normals, other_machines=other_machines)
    assert made.facts["members"]["clock"]["facts"]["others"] == 1


def test_segments_of_a_single_recording_are_split_into_folds(machine_sound):
    segments = [recording(machine_sound(i, 0.5), f"{i}.wav", source_recording="one") for i in range(10)]
    made = Auto(config(members="neighbours")).fit(segments)
    assert list(made.facts["members"]) == ["neighbours"]


def test_adapting_adapts_every_member_that_can_be(table, normals, unseen, separate):
    made = Auto(config(members=f"levels,quarter_modulation,{table(Clock)}")).fit(normals)
    before = {clip.clip.path: made.score(clip).scores for clip in unseen}
    adapted = made.adapted(unseen[:2])
    for name in TWO:
        expected = separate[name][0].adapted(unseen[:2])
        for key, array in expected.arrays.items():
            np.testing.assert_allclose(adapted.arrays[f"{name}/{key}"], array, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(adapted.arrays["standard"], made.arrays["standard"])
    (line,) = adapted.facts["adaptations"]
    assert "levels: 2 recordings added to the bank: 18 → 20" in line
    assert line.endswith("unchanged: clock")
    weights = [member["weight"] for member in adapted.facts["members"].values()]
    assert weights == [member["weight"] for member in made.facts["members"].values()] == [1, 2, 1]
    assert {c.clip.path: made.score(c).scores for c in unseen} == before  # not changed
    assert adapted.score(unseen[0]).scores["mean"] < before[unseen[0].clip.path]["mean"]
    assert len(adapted.adapted(unseen[2:3]).facts["adaptations"]) == 2


def test_adapting_fails_if_no_member_can_be_adapted(table, normals, unseen):
    made = Auto(config(members=table(Clock))).fit(normals)
    with pytest.raises(OptionError, match="none of its members can be adapted"):
        made.adapted(unseen[:1])


def test_a_missing_dependency_is_reported_before_anything_is_fitted(monkeypatch, normals):
    monkeypatch.setitem(sys.modules, "torch", None)
    steps = []
    with pytest.raises(MissingExtraError, match="train"):
        Auto(config(members="levels,expectation")).fit(normals[:8], progress=lambda *step: steps.append(step))
    assert not steps
    assert config(members="all").members == "all"


def test_the_minimum_length_before_fitting_is_the_largest_of_the_members():
    assert Auto(config(members="levels")).minimum_samples() == 1
    assert Auto(config(members="classes")).minimum_samples() == 512
    assert Auto(config(members="levels,classes")).minimum_samples() == 512


def test_progress_stages_are_prefixed_with_the_members_names(normals):
    steps = []
    Auto(config(members="levels,neighbours")).fit(normals[:8], progress=lambda *step: steps.append(step[:3]))
    stages = list(dict.fromkeys(stage for stage, _, _ in steps))
    assert stages == [
        "levels:features", "levels:folds", "neighbours:features", "neighbours:folds",
    ]  # fmt: skip
    assert not any(" " in stage for stage in stages)  # a space would make each step a job of its own


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": "ear"}, "ear"),
        ({"fusion": "rank"}, "fusion='rank': choose one of arsinh, mean"),
        ({"folds": 1}, "folds must be at least 2, got 1"),
        ({"time_limit": 0}, "time_limit must be positive, got 0"),
        ({"time_limit": -1.5}, r"time_limit must be positive, got -1\.5"),
        ({"score": "mse"}, "mean, minimum"),
    ],
)
def test_invalid_options_are_rejected(settings, message):
    with pytest.raises(OptionError, match=message):
        config(**settings)


def test_an_encoder_can_be_a_member(encoder_file, normals, unseen, tmp_path):
    settings = {"members": "levels", "encoder": encoder_file(), "encoder_rate": RATE}
    model = Model(Auto(config(**settings)).fit(normals))
    assert list(model.detector.facts["members"]) == ["levels", "encoder"]
    encoder = model.detector.facts["members"]["encoder"]["facts"]["encoder"]
    assert (encoder["rate"], encoder["features"]) == (RATE, 24)
    without = Auto(config(members="levels")).fit(normals)
    model.save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult").detector
    for clip in unseen:
        scores = model.detector.score(clip).scores
        assert loaded.score(clip).scores == pytest.approx(scores)
        assert scores["mean"] != pytest.approx(without.score(clip).scores["mean"], rel=1e-3)
    broken, normal = (
        [loaded.score(clip).scores["mean"] for clip in clips] for clips in (unseen[3:], unseen[:3])
    )
    assert min(broken) > max(normal)


def test_an_encoder_that_cannot_be_used_is_reported_before_anything_is_fitted(normals, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a member was fitted")

    monkeypatch.setattr("auscult.detectors.ensemble.time_limit.crossfit_member", refuse)
    with pytest.raises(OptionError, match=r"missing\.onnx.*No such file"):
        Auto(config(encoder="missing.onnx")).fit(normals)
    with pytest.raises(OptionError, match="set encoder too"):
        config(encoder_rate=32000)
