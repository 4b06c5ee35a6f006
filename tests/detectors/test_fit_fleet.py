"""Networks trained in a fleet equal those trained alone: same steps, same AUC. Also: accuracy of bf16."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.corpus import AudioClip, Clip
from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet
from auscult.errors import FitError
from auscult.evaluation import auc
from auscult.sound import Waveform

#: Detector to a score that works after a short training, and the level of knocks that it sometimes detects.
SCORES = {
    "autoencoder": ("residual_gaussian", 0.035),
    "gamma_vae": ("residual_gaussian", 0.035),
    "gamma_observation": ("deviance_top", 0.06),
}
SIZES = (5 * 64, 2 * 64 + 17, 40)  # vectors per machine: 5, 3 and 1 steps per epoch
SETTINGS = {
    "sample_rate": 8000,
    "n_fft": 512,
    "hop": 128,
    "n_mels": 32,
    "hidden": 32,
    "epochs": 15,
    "batch_size": 64,
    "learning_rate": 3e-3,
}


@pytest.mark.parametrize("name", SCORES)
def test_the_first_twenty_steps_equal_those_of_a_machine_trained_alone(name):
    """Layer widths of the baseline, float32, machines of different sizes; 20 steps of the largest."""
    definition = detector_type(name)(make_config(name, settings={})).network
    frames = (8 * np.random.default_rng(3).standard_normal((sum(SIZES) + 4, 128)) - 40).astype(np.float32)
    starts = np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])

    def trained(machines: list[int]) -> tuple[torch.nn.ModuleDict, list[list[dict]]]:
        def build(generators):
            network = definition.build(generators)
            definition.initialise(network, frames, [starts[m] for m in machines])
            return network

        network, trained_machines = train_fleet(
            build,
            definition.loss,
            FleetVectors(frames, [starts[m] for m in machines], [np.empty(0, int)] * len(machines), 5),
            machines,
            TrainingPlan(4, 64, device="cpu"),
            names=[str(m) for m in machines],
            progress=lambda *_: None,
        )
        return network, [machine.history for machine in trained_machines]

    fleet, histories = trained([0, 1, 2])
    for machine in range(3):
        alone, (history,) = trained([machine])
        for epoch, expected in zip(histories[machine], history, strict=True):
            assert epoch["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        for (key, weights), expected in zip(
            fleet.state_dict().items(), alone.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(weights[machine], expected[0], rtol=1e-3, atol=1e-4, msg=key)


def clip(samples: np.ndarray, name: str) -> AudioClip:
    waveform = Waveform(samples, 8000, path=name)
    return AudioClip(Clip(name), lambda: waveform)


@pytest.fixture(scope="module")
def training_sets(machine_sound) -> list[list[AudioClip]]:
    """Normal recordings of three machines, different in number and gain."""
    return [
        [clip(gain * machine_sound(1000 * m + i), f"{m} {i}.wav") for i in range(count)]
        for m, (count, gain) in enumerate(((16, 1.0), (10, 0.3), (7, 2.0)))
    ]


@pytest.fixture(scope="module")
def unseen(machine_sound) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sounds that no detector was fitted on, and what a knocking bearing adds to each."""
    return [(machine_sound(i), machine_sound(i, broken=True) - machine_sound(i)) for i in range(500, 540)]


def auc_of(detector, unseen, gain: float) -> float:
    score, level = SCORES[detector.name]
    labels = np.arange(len(unseen)) % 2
    sounds = [
        gain * (sound + label * level * knocks) for label, (sound, knocks) in zip(labels, unseen, strict=True)
    ]
    return auc(labels, np.array([detector.score(clip(s, "unseen.wav")).scores[score] for s in sounds]))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORES)
def test_a_detector_trained_in_a_fleet_has_the_auc_of_one_trained_alone(name, training_sets, unseen):
    fleet = [detector_type(name)(make_config(name, settings={**SETTINGS, "seed": s})) for s in (1, 2, 3)]
    assert type(fleet[0]).trains_together
    assert type(fleet[0]).fit_fleet(fleet, training_sets) == [None] * 3
    for detector, recordings, gain in zip(fleet, training_sets, (1.0, 0.3, 2.0), strict=True):
        alone = type(detector)(detector.config).fit(recordings)
        auc_in_fleet = auc_of(detector, unseen, gain)
        assert 0.55 < auc_in_fleet < 1, "neither chance nor perfect, so that differences would show"
        assert auc_in_fleet == pytest.approx(auc_of(alone, unseen, gain), abs=0.02)


def test_a_machine_without_recordings_does_not_stop_the_others(training_sets):
    fleet = [detector_type("autoencoder")(make_config("autoencoder", settings=SETTINGS)) for _ in range(3)]
    errors = type(fleet[0]).fit_fleet(fleet, [training_sets[2], [], training_sets[2][:3]])
    assert [type(error) for error in errors] == [type(None), FitError, type(None)]
    assert [bool(detector.arrays) for detector in fleet] == [True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORES)
def test_bf16_trains_like_float32(name, training_sets, unseen):
    float32, bf16 = (
        detector_type(name)(make_config(name, settings={**SETTINGS, "precision": p})).fit(training_sets[0])
        for p in ("float32", "bf16")
    )
    losses = [
        [epoch["reconstruction" if "kl" in epoch else "loss"] for epoch in d.facts["history"]]
        for d in (float32, bf16)
    ]
    assert losses[0] != losses[1]
    decreases = [history[0] - history[-1] for history in losses]
    assert decreases[1] == pytest.approx(decreases[0], rel=0.1)
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=0.1)
    assert auc_of(bf16, unseen, 1.0) == pytest.approx(auc_of(float32, unseen, 1.0), abs=0.1)
