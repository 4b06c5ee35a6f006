"""Which labelled clips count as one recording."""

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, open_corpus
from auscult.corpus.independent import with_independent_recordings
from auscult.spectrum import FrontEnd

RATE = 8000
FRONT_END = FrontEnd(sample_rate=RATE)


@pytest.fixture
def recordings(tmp_path):
    """Writes two pieces of each of six normal and six anomalous recordings, with names from a template."""

    def write(template: str) -> list[AudioClip]:
        folder = tmp_path / "fan" / "test"
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        for condition in ("normal", "anomaly"):
            for number in range(6):
                # Noise in a band of its own: pieces of one recording sound alike, others do not.
                spectrum = np.fft.rfft(rng.normal(size=4 * RATE))
                centre = 600 + 500 * number + 200 * (condition == "anomaly")
                hertz = np.linspace(0, RATE / 2, len(spectrum))
                spectrum *= np.exp(-0.5 * ((hertz - centre) / 150) ** 2) + 0.01
                recording = np.fft.irfft(spectrum)
                for piece, samples in enumerate(np.split(0.1 * recording / recording.std(), 4)):
                    name = template.format(condition=condition, index=4 * number + piece, recording=number)
                    soundfile.write(folder / name, samples, RATE)
        clips = open_corpus(str(tmp_path / "fan")).for_evaluation()
        return [AudioClip.from_file(clip, sample_rate=RATE) for clip in clips]

    return write


def counts(recordings: list[AudioClip]) -> dict[str, int]:
    clips = with_independent_recordings(recordings, FRONT_END)
    return {
        condition: len({c.source_recording or c.path for c in clips if c.condition == condition})
        for condition in ("normal", "anomaly")
    }


@pytest.mark.parametrize("attributes", ["rec_{recording}", "spd_{recording}"])
def test_names_say_what_belongs_together(recordings, attributes):
    clips = recordings("section_00_source_test_{condition}_{index:04d}_" + attributes + ".wav")
    assert counts(clips) == {"normal": 6, "anomaly": 6}
    sources = {(c.condition, c.source_recording) for c in with_independent_recordings(clips, FRONT_END)}
    assert all(source is not None for _, source in sources)


def test_where_names_say_nothing_the_sound_does(recordings):
    clips = recordings("section_00_source_test_{condition}_{index:04d}.wav")
    assert counts(clips) == {"normal": 6, "anomaly": 6}


def test_unreadable_clips_are_their_own_recordings(recordings):
    clips = recordings("section_00_source_test_{condition}_{index:04d}.wav")
    with open(clips[0].clip.path, "wb") as file:
        file.write(b"no audio")
    assert with_independent_recordings(clips, FRONT_END)[0].source_recording is None
