"""The ensemble: its members are compared by what they did not learn from, and the deaf are left out."""

from __future__ import annotations

import json
import math
import sys
from types import ModuleType

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.inspection import Inspection
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.base import Config, Detector, Evidence
from auscult.detectors.ensemble.auto import Auto, AutoConfig
from auscult.detectors.ensemble.member_fit import that_hear, within
from auscult.detectors.ensemble.members import MEMBERS, Member
from auscult.detectors.ensemble.trial import Trial
from auscult.detectors.maps.bin_residuals import BinResiduals
from auscult.detectors.maps.map_profile import MapProfile, resized
from auscult.detectors.options import make_config
from auscult.errors import FitError, MissingExtraError, OptionError
from auscult.model import Model
from auscult.model.fitting import Case, fit_cases
from auscult.model.model_file import load_model
from auscult.sound import Waveform

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16, "pseudo_anomalies": 3}
TWO = ("levels", "short_neighbours")


def config(**settings) -> AutoConfig:
    made = make_config("auto", settings={"members": ",".join(TWO), **SMALL, **settings})
    assert isinstance(made, AutoConfig)
    return made


def recording(samples: np.ndarray, path: str, **known) -> AudioClip:
    waveform = Waveform(np.asarray(samples, np.float32), RATE, path=path)
    return AudioClip(Clip(path, **known), lambda: waveform)


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 15 + ["target"] * 3
    return [recording(machine_sound(i, 0.5), f"{i}.wav", domain=d) for i, d in enumerate(domains)]


@pytest.fixture(scope="module")
def heard(machine_sound) -> list[AudioClip]:
    return [recording(machine_sound(100 + i, 0.6, broken=i > 2), f"heard {i}.wav") for i in range(5)]


@pytest.fixture(scope="module")
def folds(normals) -> list[int]:
    return folds_of(normals, 5, config().seed)


@pytest.fixture(scope="module")
def ensembles(normals, folds) -> list[Auto]:
    """The final one, then its fold_models."""
    final, fold_models = Auto.crossfit(config(), normals, folds)
    return [final, *fold_models]


@pytest.fixture(scope="module")
def alone(normals, folds) -> dict[str, list[Detector]]:
    """Each member cross-fitted by itself: the final one, then its fold_models."""
    fitted = {}
    for name in TWO:
        its = MEMBERS[name].config(config().seed, config().front_end)
        final, fold_models = detector_type(MEMBERS[name].detector).crossfit(its, normals, folds)
        fitted[name] = [final, *fold_models]
    return fitted


@pytest.fixture(scope="module")
def standards(alone, normals, folds) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of what normals score by members that did not learn from them."""
    found = {}
    for name in TWO:
        scores = [
            alone[name][1 + fold].score(r).scores[MEMBERS[name].score]
            for fold, r in zip(folds, normals, strict=True)
        ]
        found[name] = (float(np.mean(scores)), float(np.std(scores, ddof=1)))
    return found


def test_standards_are_of_scores_by_those_that_did_not_learn_from_the_clip(ensembles, standards):
    for ensemble in ensembles:
        for column, name in zip(ensemble.arrays["standard"].T, TWO, strict=True):
            np.testing.assert_allclose(column, standards[name], rtol=1e-6)


def test_mean_and_minimum_of_the_standardised_scores(ensembles, alone, standards, heard):
    for place, ensemble in enumerate(ensembles):
        for clip in heard:
            z = []
            for name in TWO:
                mean, sd = standards[name]
                z.append((alone[name][place].score(clip).scores[MEMBERS[name].score] - mean) / sd)
            expected = {"mean": sum(z) / 2, "minimum": min(z)}
            assert ensemble.score(clip).scores == pytest.approx(expected, rel=1e-5)


def test_the_map_of_minimum_is_the_deciding_members_on_the_ensembles_grid(ensembles, alone, standards, heard):
    final, deciding = ensembles[0], set()
    for clip in heard:
        shape = clip.log_mel(config().front_end).shape
        z = {}
        for name in TWO:
            mean, sd = standards[name]
            z[name] = (alone[name][0].score(clip).scores[MEMBERS[name].score] - mean) / sd
        name = min(z, key=z.__getitem__)
        deciding.add(name)
        map = alone[name][0].score(clip, explain=True).maps[MEMBERS[name].score]
        profile = MapProfile.from_array(final.arrays[f"profile/{name}"])
        expected = resized(profile.pointing(map), shape)
        maps = final.score(clip, explain=True).maps
        np.testing.assert_allclose(maps["minimum"], expected, rtol=1e-4, atol=1e-4)
        assert maps["mean"].shape == shape
    assert deciding == set(TWO)  # one of which has other frames and bands


def test_the_map_of_mean_is_the_members_maps_and_what_is_new_in_each_bin(ensembles, heard):
    final = ensembles[0]
    frames = heard[-1].log_mel(config().front_end)
    arrays = final.arrays
    maps = []
    for name, member in final._members().items():
        raw = member.score(heard[-1], explain=True).maps[member.decisive_score]
        maps.append(resized(MapProfile.from_array(arrays[f"profile/{name}"]).pointing(raw), frames.shape))
    new = BinResiduals(arrays["bins/mean"], arrays["bins/weights"]).map(frames)
    centre, spread = arrays["profile/bins"]
    expected = (new - centre) / spread + 0.5 * np.mean([np.arcsinh(map) for map in maps], axis=0)
    given = final.score(heard[-1], explain=True).maps["mean"]
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


def test_the_map_of_a_fault_points_at_where_it_rings(ensembles, heard):
    """Knocks ring at 2.6 kHz, which is in the upper half of the bands up to 4 kHz."""
    map = ensembles[0].score(heard[4], explain=True).maps["mean"].mean(axis=0)
    assert map.argmax() >= 8
    assert map.max() > 3


def test_facts_tell_who_was_tried(ensembles):
    facts = ensembles[0].facts
    assert [one["name"] for one in facts["tried"]] == list(TWO)
    for one in facts["tried"]:
        assert (one["detector"], one["score"]) == (MEMBERS[one["name"]].detector, MEMBERS[one["name"]].score)
        assert one["kept"] is True
        assert one["interval"][0] <= one["auc"] <= one["interval"][1]
        assert one["seconds"] > 0
    assert facts["warnings"] == []
    assert json.loads(json.dumps(facts)) == facts


def test_the_same_clips_give_the_same_ensemble(ensembles, normals, folds):
    again, _ = Auto.crossfit(config(), normals, folds)
    assert again.arrays.keys() == ensembles[0].arrays.keys()
    for name, array in again.arrays.items():
        np.testing.assert_array_equal(array, ensembles[0].arrays[name])
    assert [t["auc"] for t in again.facts["tried"]] == [t["auc"] for t in ensembles[0].facts["tried"]]


def test_judges_are_whole_models_too(ensembles, heard, tmp_path):
    for place in (1, 3):
        Model(ensembles[place]).save(tmp_path / "judge.auscult")
        again = load_model(tmp_path / "judge.auscult").detector
        assert again.facts == ensembles[place].facts
        for clip in heard:
            assert again.score(clip).scores == pytest.approx(ensembles[place].score(clip).scores, rel=1e-9)
    one, other = (ensembles[place].score(heard[0]).scores["mean"] for place in (1, 3))
    assert one != other


def test_a_model_is_calibrated_by_its_judges(ensembles, normals, tmp_path):
    (made,) = fit_cases([Case("auto", config(), Inspection(tuple(normals), (), None), "crossfit")])
    folds = folds_of(normals, 5, config().seed)
    expected = [ensembles[1 + f].score(r).scores["mean"] for f, r in zip(folds, normals, strict=True)]
    np.testing.assert_allclose(made.calibration.scores["mean"], expected, rtol=1e-6)
    assert made.provenance["warnings"] == []


@pytest.fixture
def table(monkeypatch):
    """``table(Kind, …)`` adds detectors to the table, each as a member of its name, and gives their names."""
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
    """Hears nothing but how long a clip lasts."""

    name = "clock"
    scores = ("seconds",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"usual": np.array([np.mean([len(r.waveform().samples) for r in recordings]) / RATE])}
        self.facts = {"others": len(other_machines)}
        return self

    def score(self, recording, *, explain=False):
        odd = abs(len(recording.waveform().samples) / RATE - float(self.arrays["usual"][0]))
        maps = {"seconds": np.full_like(recording.log_mel(self.config.front_end), odd)} if explain else {}
        return Evidence({"seconds": odd}, maps)

    def expected_shapes(self):
        return {"usual": (1,)}


class Doubtful(Clock):
    """Warns of what it learnt."""

    name = "doubtful"

    def fit(self, recordings, *, other_machines=(), progress=None):
        super().fit(recordings)
        self.facts["warnings"] = ["all clips last alike"]
        return self


class Broken(Clock):
    """Cannot be fitted."""

    name = "broken"

    def fit(self, recordings, *, other_machines=(), progress=None):
        raise FitError("broken: it does not start")


def test_a_member_that_hears_nothing_is_left_out(table, normals, heard, ensembles):
    made = Auto(config(members=f"{','.join(TWO)},{table(Clock)}")).fit(normals)
    assert [(one["name"], one["kept"]) for one in made.facts["tried"]] == [
        *((n, True) for n in TWO),
        ("clock", False),
    ]
    assert made.facts["tried"][-1]["auc"] == 0.5
    assert list(made.facts["members"]) == list(TWO)
    assert not [name for name in made.arrays if "clock" in name]
    for clip in heard:  # as if it had never been there
        assert made.score(clip).scores == pytest.approx(ensembles[0].score(clip).scores, rel=1e-9)


def test_nobody_is_left_out_where_there_is_no_choice(table, normals):
    made = Auto(config(members=f"levels,{table(Clock)}", drop_uninformative=False)).fit(normals)
    assert [one["kept"] for one in made.facts["tried"]] == [True, True]
    assert not any("auc" in one for one in made.facts["tried"])
    assert list(made.facts["members"]) == ["levels", "clock"]


def test_where_nobody_hears_all_count_and_it_is_told(table, normals):
    made = Auto(config(members=table(Clock))).fit(normals)
    assert list(made.facts["members"]) == ["clock"]
    assert any("all count" in warning for warning in made.facts["warnings"])


def test_who_hears():
    class Told:
        def __init__(self, value: float) -> None:
            self.value = value

    assert that_hear([Told(0.9), Told(0.61), Told(0.59), Told(0.4)]) == [True, True, False, False]
    assert that_hear([Told(0.5), Told(0.3)]) == [False, False]
    assert that_hear([None, None]) == [True, True]


def test_a_member_that_cannot_be_fitted_is_told_of_and_the_rest_goes_on(table, normals):
    made = Auto(config(members=f"levels,{table(Broken)}")).fit(normals)
    assert list(made.facts["members"]) == ["levels"]
    kept_out = "one part of 5 is kept out in turn: of 18 recordings 14 remain"
    assert made.facts["warnings"] == [f"without broken: broken: it does not start ({kept_out})"]


def test_too_few_clips_for_some_members(normals):
    made = Auto(config(members="levels,neighbours", folds=2)).fit(normals[:5])
    assert list(made.facts["members"]) == ["neighbours"]
    (warning,) = made.facts["warnings"]
    assert "at least 4 are needed (one part of 2 is kept out in turn: of 5 recordings 2 remain)" in warning


def test_nobody_can_be_fitted(table, normals):
    with pytest.raises(FitError, match=r"no member could be fitted: without broken: .* does not start"):
        Auto(config(members=table(Broken))).fit(normals)
    with pytest.raises(FitError, match="at least 2 are needed") as caught:
        Auto(config(members="untrained")).fit(normals[:1])
    reasons = str(caught.value)
    assert (
        "without levels, modulation, short_levels, short_modulation: pooled_gaussian: 1 recordings" in reasons
    )
    assert "without neighbours, short_neighbours: spectral_memory: 1 recordings" in reasons
    with pytest.raises(FitError, match="no recordings"):
        Auto(config()).fit([])


def test_little_time_is_for_the_first_member(normals):
    made = Auto(config(members="untrained", pseudo_anomalies=1, time_limit=1e-6)).fit(normals[:10])
    names = [name for name, member in MEMBERS.items() if not member.trains]
    assert list(made.facts["members"]) == names[:1]
    (warning,) = made.facts["warnings"]
    assert warning == (
        f"without {', '.join(names[1:])}: what is left of the 1e-06 s that fitting may take would not suffice"
    )


def test_time_enough_is_no_limit(normals):
    made = Auto(config(time_limit=3600.0)).fit(normals)
    assert (list(made.facts["members"]), made.facts["warnings"]) == (list(TWO), [])


def test_a_network_gets_as_many_epochs_as_go_into_the_time(normals, monkeypatch):
    member = Member("autoencoder", "mse", {"hidden": 8, "device": "cpu"})
    monkeypatch.setitem(MEMBERS, "network", member)
    made = Auto(config(members="levels,network", drop_uninformative=False, time_limit=60.0)).fit(normals[:8])
    its = made.facts["members"]["network"]["config"]
    assert its["epochs"] == 100  # all, since an epoch takes milliseconds: what is done once is no epoch
    assert its["validation"] == 0  # what fold_models a clip has not heard it: nothing more is kept out
    trial = Trial(normals[:8], [i % 2 for i in range(8)], 1, 0)
    assert within(math.inf, member, config(), trial, (), None).epochs == 100
    with pytest.raises(FitError, match="too few are left for 5 epochs"):
        within(1e-3, member, config(), trial, (), None)


def test_what_a_member_warns_of_is_warned_of(table, normals):
    made = Auto(config(members=f"levels,{table(Doubtful)}", drop_uninformative=False)).fit(normals)
    assert made.facts["warnings"] == ["doubtful: all clips last alike"]


def test_it_learns_from_others_where_a_member_does():
    assert not Auto.learns_from_others(config())
    assert not Auto.learns_from_others(config(members="untrained"))
    assert Auto.learns_from_others(config(members="levels,classes"))


def test_others_reach_the_members(table, normals, machine_sound):
    other_machines = [recording(machine_sound(50, 0.5), "other.wav")]
    made = Auto(config(members=table(Clock), drop_uninformative=False)).fit(
        normals, other_machines=other_machines
    )
    assert made.facts["members"]["clock"]["facts"]["others"] == 1


def test_cuts_of_one_recording_are_judged_by_each_other(machine_sound):
    cuts = [recording(machine_sound(i, 0.5), f"{i}.wav", source_recording="one") for i in range(10)]
    made = Auto(config(members="neighbours")).fit(cuts)
    assert list(made.facts["members"]) == ["neighbours"]


def test_more_recordings_are_taken_in_by_those_that_can(table, normals, heard, alone):
    made = Auto(config(members=f"levels,short_neighbours,{table(Clock)}", drop_uninformative=False)).fit(
        normals
    )
    before = {clip.clip.path: made.score(clip).scores for clip in heard}
    grown = made.adapted(heard[:2])
    for name in TWO:
        expected = alone[name][0].adapted(heard[:2])
        for key, array in expected.arrays.items():
            np.testing.assert_allclose(grown.arrays[f"{name}/{key}"], array, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(grown.arrays["standard"], made.arrays["standard"])
    (line,) = grown.facts["adaptations"]
    assert "levels: 2 source clips added to the bank: 15 + 3 → 17 + 3" in line
    assert line.endswith("unchanged: clock")
    assert grown.facts["tried"] == made.facts["tried"]
    assert {c.clip.path: made.score(c).scores for c in heard} == before  # the old one is as it was
    assert grown.score(heard[0]).scores["mean"] < before[heard[0].clip.path]["mean"]
    assert len(grown.adapted(heard[2:3]).facts["adaptations"]) == 2


def test_none_of_the_members_can_take_more_in(table, normals, heard):
    made = Auto(config(members=table(Clock), drop_uninformative=False)).fit(normals)
    with pytest.raises(OptionError, match="none of its members"):
        made.adapted(heard[:1])


def test_a_network_that_is_named_says_what_is_missing_before_anything_is_fitted(monkeypatch, normals):
    monkeypatch.setitem(sys.modules, "torch", None)
    told = []
    with pytest.raises(MissingExtraError, match="train"):
        Auto(config(members="levels,expectation", pseudo_anomalies=1)).fit(
            normals[:8], progress=lambda *what: told.append(what)
        )
    assert not told
    assert config(members="all").members == "all"


def test_before_fitting_it_knows_how_long_a_clip_must_be():
    long = {name: config(members=name) for name in ("levels", "classes")}
    assert Auto(long["levels"]).minimum_samples() == 1
    assert Auto(long["classes"]).minimum_samples() == 512
    assert Auto(config(members="levels,classes")).minimum_samples() == 512


def test_progress_is_under_the_members_names(normals):
    told = []
    Auto(config(members="levels,neighbours", pseudo_anomalies=1)).fit(
        normals[:8], progress=lambda *t: told.append(t[:3])
    )
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["levels:features", "levels:try", "neighbours:features", "neighbours:try"]
    assert not any(" " in stage for stage in stages)  # a blank would make each step a job of its own


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"members": "ear"}, "ear"),
        ({"pseudo_anomalies": 0}, "pseudo_anomalies=0"),
        ({"folds": 1}, "folds=1"),
        ({"time_limit": 0}, "time_limit=0"),
        ({"time_limit": -1.5}, "time_limit=-1.5"),
        ({"score": "mse"}, "mean, minimum"),
    ],
)
def test_wrong_options(settings, said):
    with pytest.raises(OptionError, match=said):
        config(**settings)
