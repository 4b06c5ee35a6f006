"""The sound beside a picture."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auscult.errors import OptionError
from auscult.model import Score
from auscult.report.explanation import Explanation
from auscult.report.fragments import fragment_paths, write_fragments
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd


def explained(
    seconds: float, peak: float, nearest_peak: float | None = None, start: float = 0.0
) -> Explanation:
    rate = 1000
    samples = np.full(round(seconds * rate), 0.01, np.float32)
    samples[round(0.75 * len(samples))] = peak
    map = np.zeros((len(samples) // 100, 4))
    map[round(0.75 * len(map))] = 5.0
    nearest = None if nearest_peak is None else Waveform(np.full(500, nearest_peak, np.float32), rate)
    score = Score("a.wav", 1.0, None, None, nearest="b.wav", map=map)
    return Explanation(score, FrontEnd(n_mels=4), Waveform(samples, rate), nearest, (), None, None, start)


def test_both_sounds_are_written_with_one_gain(tmp_path):
    paths = fragment_paths(tmp_path / "why.png")
    written = write_fragments(explained(2.0, 20.0, 5.0, start=840.0), paths)
    assert (written.recording, written.nearest) == paths
    assert (written.start_seconds, written.gain_db) == (840.0, pytest.approx(20 * np.log10(0.8 / 20)))
    sound, rate = soundfile.read(paths[0])
    assert (len(sound), rate) == (2000, 1000)
    assert np.abs(sound).max() == pytest.approx(0.8, abs=1e-3)
    assert soundfile.read(paths[1])[0].max() == pytest.approx(0.2, abs=1e-3)


def test_of_a_long_recording_the_part_that_deviates_is_written(tmp_path):
    paths = fragment_paths(tmp_path / "why.png")
    written = write_fragments(explained(100.0, 1.0), paths)
    sound, _ = soundfile.read(paths[0])
    assert len(sound) == 10_000
    assert written.start_seconds <= 75 <= written.start_seconds + 10
    assert sound.max() == pytest.approx(0.8, abs=1e-3)
    assert written.nearest is None
    assert not (tmp_path / "why.nearest.wav").exists()


def test_a_recording_is_never_overwritten(tmp_path):
    assert fragment_paths(tmp_path / "clip.png", str(tmp_path / "clip.wav"))[0].endswith("clip.fragment.wav")
    with pytest.raises(OptionError, match=r"why\.nearest\.wav would be overwritten"):
        fragment_paths(tmp_path / "why.png", "a.wav", str(tmp_path / "why.nearest.wav"))


def test_an_unwritable_folder_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="cannot be written"):
        write_fragments(explained(1.0, 1.0), fragment_paths(tmp_path / "absent" / "why.png"))
