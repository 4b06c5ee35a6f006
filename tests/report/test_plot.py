"""`Score.plot` and `auscult.plot`: the figure, its file, and what is missing."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image

import auscult
from auscult.errors import MissingExtraError, OptionError

RATE = 8000


@pytest.fixture(scope="module")
def model(machine_sound, tmp_path_factory):
    folder = tmp_path_factory.mktemp("normal")
    for i in range(20):
        soundfile.write(folder / f"{i:02}.wav", machine_sound(i), RATE)
    return auscult.fit(folder, "spectral_memory")


@pytest.fixture(scope="module")
def broken(model, machine_sound):
    """The score of a recording with a tone at 2 kHz in its second half."""
    sound = machine_sound(50)
    time = np.arange(len(sound)) / RATE
    return model.score(sound + 0.2 * np.sin(2 * np.pi * 2000 * time) * (time > 0.5), RATE, explain=True)


def test_the_figure_has_the_spectrograms_the_map_and_the_regions(broken, tmp_path):
    figure = broken.plot(tmp_path / "score.png")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "Spectrogram"
    assert any(title.startswith("Nearest normal") and ".wav" in title for title in titles)
    assert any(title.startswith("Deviation from normal recordings") for title in titles)
    assert "ANOMALY" in figure.get_suptitle()
    upper = figure.axes[0]
    assert upper.images[0].get_array().std() > 1, "not one colour"
    assert upper.patches, "the tone is boxed"
    assert any("2000 Hz" in text.get_text() for axes in figure.axes for text in axes.texts)
    with Image.open(tmp_path / "score.png") as picture:
        assert picture.width > 1000
        assert len(picture.convert("L").getcolors()) > 100


def test_a_score_can_be_pickled_and_drawn_later(broken):
    score = pickle.loads(pickle.dumps(broken))
    assert score == broken
    assert len(score.plot().axes) == len(broken.plot().axes)


def test_the_title_is_the_recording_or_as_stated(broken):
    assert broken.plot().get_suptitle().startswith("<memory>")
    assert auscult.plot(broken, title="pump 3").get_suptitle().startswith("pump 3")


def test_a_nearest_recording_that_is_gone_is_not_drawn(model, broken, tmp_path, monkeypatch):
    monkeypatch.setattr("os.path.exists", lambda path: False)
    titles = [axes.get_title(loc="left") for axes in broken.plot().axes]
    assert not any(title.startswith("Nearest normal") for title in titles)


def test_a_score_without_a_map_cannot_be_drawn(model, machine_sound):
    with pytest.raises(OptionError, match="explain=True"):
        model.score(machine_sound(50), RATE).plot()


def test_without_matplotlib_the_extra_is_named(broken, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[report\]"):
        broken.plot()


def test_of_several_channels_the_decisive_one_is_drawn(machine_sound, tmp_path):
    for i in range(20):
        sound = np.stack([machine_sound(i), machine_sound(100 + i)], axis=1)
        soundfile.write(tmp_path / f"{i:02}.wav", sound, RATE)
    model = auscult.fit(tmp_path, "spectral_memory", channel="all")
    sound = np.stack([machine_sound(50), 8 * machine_sound(150)])
    score = model.score(sound, RATE, explain=True)
    assert (score.axis, score.audio.channel) == (1, 1)
    np.testing.assert_allclose(score.audio.waveform.samples, sound[1], atol=1e-6)
    assert any(axes.get_title(loc="left").startswith("Nearest normal") for axes in score.plot().axes)
