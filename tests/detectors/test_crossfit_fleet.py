"""A machine of a fleet and the same machine alone: the same steps, and the same ear; and what bf16 costs."""

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

#: Each with a score that a short training is enough for, and how loud a knock it hears sometimes.
SCORES = {
    "autoencoder": ("residual_gaussian", 0.035),
    "gamma_vae": ("residual_gaussian", 0.035),
    "gamma_observation": ("deviance_top", 0.06),
}
SIZES = (5 * 64, 2 * 64 + 17, 40)  # vectors of the machines: 5, 3 and 1 steps an epoch
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
def test_the_first_twenty_steps_are_those_of_the_machine_alone(name):
    """The baseline's widths, float32, machines of different sizes; 20 steps of the largest."""
    kind = detector_type(name)(make_config(name, settings={}))
    frames = (8 * np.random.default_rng(3).standard_normal((sum(SIZES) + 4, 128)) - 40).astype(np.float32)
    starts = np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])

    def trained(machines: list[int]) -> tuple[torch.nn.ModuleDict, list[list[dict]]]:
        def build(generators):
            network = kind.build(generators)
            kind.prepare(network, frames, [starts[m] for m in machines])
            return network

        network, histories, _ = train_fleet(
            build,
            kind.loss,
            FleetVectors(frames, [starts[m] for m in machines], [np.empty(0, int)] * len(machines), 5),
            machines,
            TrainingPlan(4, 64, device="cpu"),
            names=[str(m) for m in machines],
            progress=lambda *_: None,
        )
        return network, histories

    fleet, histories = trained([0, 1, 2])
    for machine in range(3):
        alone, (history,) = trained([machine])
        for mine, its in zip(histories[machine], history, strict=True):
            assert mine["loss"] == pytest.approx(its["loss"], rel=1e-5)
        for (key, ours), its in zip(fleet.state_dict().items(), alone.state_dict().values(), strict=True):
            torch.testing.assert_close(ours[machine], its[0], rtol=1e-3, atol=1e-4, msg=key)


def clip(samples: np.ndarray, name: str) -> AudioClip:
    waveform = Waveform(samples, 8000, path=name)
    return AudioClip(Clip(name), lambda: waveform)


@pytest.fixture(scope="module")
def plant(machine_sound) -> list[list[AudioClip]]:
    """Normal recordings of three machines of different sizes; each machine has its own loudness."""
    return [
        [clip(loud * machine_sound(1000 * m + i), f"{m} {i}.wav") for i in range(count)]
        for m, (count, loud) in enumerate(((16, 1.0), (10, 0.3), (7, 2.0)))
    ]


@pytest.fixture(scope="module")
def heard(machine_sound) -> list[tuple[np.ndarray, np.ndarray]]:
    """Further sounds, and what a bearing that knocks would add to them."""
    return [(machine_sound(i), machine_sound(i, broken=True) - machine_sound(i)) for i in range(500, 540)]


def auc_of(detector, heard, loud: float) -> float:
    score, knock = SCORES[detector.name]
    labels = np.arange(len(heard)) % 2
    sounds = [
        loud * (sound + label * knock * more) for label, (sound, more) in zip(labels, heard, strict=True)
    ]
    return auc(labels, np.array([detector.score(clip(s, "heard.wav")).scores[score] for s in sounds]))


@pytest.mark.parametrize("name", SCORES)
def test_a_machine_of_a_fleet_hears_as_well_as_alone(name, plant, heard):
    fleet = [detector_type(name)(make_config(name, settings={**SETTINGS, "seed": s})) for s in (1, 2, 3)]
    assert type(fleet[0]).trains_together
    assert type(fleet[0]).fit_fleet(fleet, plant) == [None] * 3
    for detector, recordings, loud in zip(fleet, plant, (1.0, 0.3, 2.0), strict=True):
        alone = type(detector)(detector.config).fit(recordings)
        together = auc_of(detector, heard, loud)
        assert 0.55 < together < 1, "there is something to hear, and to miss"
        assert together == pytest.approx(auc_of(alone, heard, loud), abs=0.02)


def test_a_machine_with_too_little_sound_does_not_stop_the_others(plant):
    fleet = [detector_type("autoencoder")(make_config("autoencoder", settings=SETTINGS)) for _ in range(3)]
    outcomes = type(fleet[0]).fit_fleet(fleet, [plant[2], [], plant[2][:3]])
    assert [type(outcome) for outcome in outcomes] == [type(None), FitError, type(None)]
    assert [bool(detector.arrays) for detector in fleet] == [True, False, True]


@pytest.mark.parametrize("name", SCORES)
def test_bf16_learns_as_float32_does(name, plant, heard):
    exact, rounded = (
        detector_type(name)(make_config(name, settings={**SETTINGS, "precision": p})).fit(plant[0])
        for p in ("float32", "bf16")
    )
    losses = [
        [epoch["reconstruction" if "kl" in epoch else "loss"] for epoch in d.facts["history"]]
        for d in (exact, rounded)
    ]
    assert losses[0] != losses[1]
    falls = [history[0] - history[-1] for history in losses]
    assert falls[1] == pytest.approx(falls[0], rel=0.1)
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=0.1)
    assert auc_of(rounded, heard, 1.0) == pytest.approx(auc_of(exact, heard, 1.0), abs=0.1)
