"""The discriminative detector: other machines, adaptation, options, maps, and the published size."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import recording

from auscult.corpus import AudioClip
from auscult.detectors.discriminative.discriminative import Discriminative
from auscult.detectors.discriminative.dual_views import DualViews
from auscult.detectors.options import make_config
from auscult.errors import FitError, OptionError

RATE = 8000
SETTINGS = {
    "sample_rate": RATE,
    "n_fft": 512,
    "hop": 256,
    "n_mels": 16,
    "width": 2,
    "points": 256,
    "epochs": 3,
    "min_clips": 0,
    "learning_rate": 1e-2,
    "device": "cpu",
}


def unfitted(**settings) -> Discriminative:
    return Discriminative(make_config("discriminative", settings={**SETTINGS, **settings}))


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    domains = ["source"] * 8 + ["target"] * 2
    return [recording(machine_sound(i), f"{i}.wav", machine="fan", domain=d) for i, d in enumerate(domains)]


@pytest.fixture(scope="module")
def other_machines(machine_sound) -> list[AudioClip]:
    return [
        recording(3 * machine_sound(50 + i, broken=True), f"{m} {i}.wav", machine=m)
        for m in ("pump", "valve")
        for i in range(5)
    ]


@pytest.fixture(scope="module")
def fitted(normals, other_machines) -> Discriminative:
    return unfitted(max_others=3).fit(normals, other_machines=other_machines)


def test_other_machines_are_classes_but_not_in_the_bank(fitted, normals):
    assert fitted.arrays["bank_vectors"].shape == (len(normals), 256)
    machines = {name.split(":")[0] for name in fitted.facts["classes"]}
    assert machines == {"fan", "pump", "valve"}
    assert "fan: cluster 0" in unfitted(epochs=1).fit(normals).facts["classes"]


def test_at_most_max_others_clips_of_each_other_machine_are_used(normals, other_machines):
    for max_others, count in ((0, 0), (3, 6), (200, 10)):
        sample = unfitted(max_others=max_others)._sample_other_machines(other_machines)
        assert len(sample) == len({id(r) for r in sample}) == count
        again = unfitted(max_others=max_others)._sample_other_machines(other_machines)
        assert [r.clip.path for r in sample] == [r.clip.path for r in again]


def test_fitting_several_detectors_equals_fitting_each_alone(normals):
    detectors = [unfitted(seed=1), unfitted(seed=2)]
    training_sets = [normals[:6], normals[4:]]
    Discriminative.fit_fleet(detectors, training_sets)
    for detector, training_set in zip(detectors, training_sets, strict=True):
        alone = unfitted(seed=detector.config.seed).fit(training_set)
        np.testing.assert_array_equal(alone.arrays["bank_vectors"], detector.arrays["bank_vectors"])


def test_adapting_adds_to_the_bank_and_does_not_change_the_original(fitted, machine_sound):
    new = recording(machine_sound(90, broken=True), "new.wav", domain="target")
    before = fitted.score(new).scores
    adapted = fitted.adapted([new])
    assert fitted.score(new).scores == before
    assert adapted.score(new).scores["nearest"] < 0.01 * before["nearest"]
    assert adapted.arrays["bank_target"].sum() == 3
    assert adapted.arrays["network"] is fitted.arrays["network"]
    assert adapted.facts["adaptations"] == ["1 recordings added to the bank of 10; network unchanged"]
    assert "adaptations" not in fitted.facts
    with pytest.raises(FitError, match="no recordings"):
        fitted.adapted([])


def test_clips_cut_from_one_recording_are_not_neighbours_of_each_other(normals, machine_sound):
    cut = [recording(machine_sound(0), f"{i}.wav", source_recording="a") for i in range(2)]
    density = unfitted(epochs=1).fit([*cut, *normals[1:5]]).arrays["bank_density"]
    assert density[:2].min() > 1e-3  # as neighbours they would be 0 apart


def test_maps_show_where_occlusion_lowers_the_score(fitted, machine_sound):
    """The network is replaced by a sum over one part of its input: bands 4 and 5 of the first 30 frames."""
    samples = machine_sound(70, 4.0)

    def sum_of_part(inputs):
        frames = np.maximum(inputs["frames"][:, :30, 4:6] + 1000, 0).sum((1, 2))[:, None] / 1e4
        lines = np.zeros((len(inputs["spectrum"]), 128), np.float32)
        return {"changes": np.repeat(frames, 128, axis=1).astype(np.float32), "lines": lines}

    detector = fitted.copied()
    detector.run_network = sum_of_part
    detector.arrays["usual_frames"] = np.full(16, -200.0)
    clip = recording(samples, "a.wav")
    detector._set_bank(np.zeros((10, 256)), np.zeros(10, bool))
    evidence = detector.score(clip, explain=True)
    map_ = evidence.maps["nearest"]  # (126, 16); 30 averaged frames are 60, in segments of 15.5
    assert np.all(map_[63:] == 0)
    assert np.all(map_[:, [0, 1, 2, 3, *range(6, 16)]] == 0)
    assert np.all(map_[:45, 4:6] > 0)


def test_other_machines_are_used_unless_max_others_is_zero():
    assert Discriminative.uses_other_machines(make_config("discriminative"))
    assert not Discriminative.uses_other_machines(make_config("discriminative", settings={"max_others": 0}))


def test_a_map_needs_few_copies_of_a_clip_at_once(fitted, machine_sound, monkeypatch):
    """129 copies of ten minutes would fill the memory."""
    batch_sizes = []
    run_network = Discriminative.run_network

    def counting(self, inputs):
        batch_sizes.append(len(inputs["frames"]))
        return run_network(self, inputs)

    monkeypatch.setattr(Discriminative, "run_network", counting)
    fitted.score(recording(machine_sound(71), "a.wav"), explain=True)
    assert sum(batch_sizes) > 100
    assert max(batch_sizes) == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "huge"}, "compact, published"),
        ({"metric": "city"}, "euclidean, cosine"),
        ({"width": 0}, "width"),
        ({"batch_size": 1}, "batch_size=1"),
        ({"mixup": 1.5}, "mixup.*between 0 and 1"),
        ({"disturb": -0.1}, "disturb.*between 0 and 1"),
        ({"max_others": -1}, "max_others"),
        ({"points": 10}, "points=10"),
    ],
)
def test_invalid_options_are_errors(settings, message):
    with pytest.raises(OptionError, match=message):
        unfitted(**settings)


def test_the_published_size_uses_all_bins_of_the_transform(machine_sound):
    config = make_config("discriminative", preset="published", settings={"sample_rate": RATE, "n_fft": 512})
    detector = Discriminative(config)
    views = detector._views(recording(machine_sound(0), "a.wav"))
    assert isinstance(views, DualViews)
    assert views.frames.shape == (14, 257)
    assert views.spectrum.shape == (80000,)
    bins, lines = detector._axes(257)
    for axis, size in ((bins, 257), (lines, 80000)):
        assert axis.shape == (size,)
        assert 0 < axis.min() < axis.max() < 1
        assert np.all(np.diff(axis) >= 0)
    assert lines[40000] == pytest.approx(bins[128], abs=0.01)  # 2 kHz in both
