"""Room responses, microphone responses, and factory noise."""

import numpy as np
import pytest
from scipy import signal

from auscult.simulation.sources import rms
from auscult.simulation.surroundings import Factory, colour, microphone_gain, room_response
from auscult.simulation.take import Take, seeded_rng

TAKE = Take(40000, 8000, (0, "test"))


@pytest.mark.parametrize("seed", range(5))
def test_the_direct_sound_is_first_and_loudest_and_the_reverberation_decays(seed):
    response = room_response(seeded_rng(seed), 16000)
    assert np.argmax(np.abs(response)) == 0
    assert response[0] == 1.0
    assert not response[1:30].any()  # no reflections within 2 ms
    thirds = [rms(part) for part in np.array_split(response[320:], 3)]
    assert thirds[0] > 3 * thirds[1] > 9 * thirds[2] / 3


def test_two_rooms_differ():
    assert not np.allclose(room_response(seeded_rng(0), 16000), room_response(seeded_rng(1), 16000))


def test_colour_has_the_given_ripple():
    frequencies = np.linspace(0, 8000, 4001)
    assert np.all(colour(seeded_rng(0), frequencies, 0.0) == 1.0)
    levels = np.array([20 * np.log10(colour(seeded_rng(n), frequencies, 3.0)) for n in range(200)])
    assert levels[:, 960].std() == pytest.approx(3.0, rel=0.15)  # a drawn point: 60 Hz · 2⁵ = 1920 Hz
    assert np.abs(np.diff(levels, axis=1)).max() < 3.0


def test_a_microphone_attenuates_below_the_low_cut():
    gain = microphone_gain(seeded_rng(0), np.array([5.0, 300.0]), 0.0)
    assert gain[0] < 0.03
    assert gain[1] == pytest.approx(1.0, abs=0.01)


def test_factory_noise_falls_with_frequency_has_mains_hum_and_is_unsteady():
    factory = Factory.draw(seeded_rng(3), slope=-5.0, clanks=0.0)
    noise = factory.noise(TAKE)
    hertz, density = signal.welch(noise, 8000, nperseg=2048)
    assert (
        density[(hertz > 150) & (hertz < 300)].mean() > 10 * density[(hertz > 1500) & (hertz < 3000)].mean()
    )
    hertz, power = signal.periodogram(noise, 8000)
    line = np.argmin(np.abs(hertz - 100))
    assert power[line - 2 : line + 3].max() > 20 * np.median(power[(hertz > 90) & (hertz < 110)])
    levels = [rms(part) for part in np.array_split(noise, 50)]  # of 0.1 s each
    assert np.std(20 * np.log10(levels)) > 0.5


def test_clanks_are_louder_than_the_steady_noise():
    quiet = Factory.draw(seeded_rng(3), slope=-5.0, clanks=0.0).noise(TAKE)
    busy = Factory.draw(seeded_rng(3), slope=-5.0, clanks=2.0).noise(TAKE)
    assert np.abs(busy - quiet).max() > 1.0
    assert np.median(np.abs(busy - quiet)) < 0.1
