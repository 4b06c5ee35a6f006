"""Is all of a recording there? libsndfile reads the rest of a file that was cut short without a word.

What each format lets us know:

- WAV (RIFF, RIFX, RF64, BW64) and AIFF, AIFC: the size of the sample chunk against the size of the file,
  before decoding. A length of 0 with samples after it is a recorder's header that was never finalised.
- OGG: the last page must be whole and end its stream, before decoding.
- FLAC: the declared number of samples against those decoded.
- MP3: the frame count of a Xing, Info or VBRI header against the frames in the file, before decoding, where
  a cut inside a frame is found too; and the frames in the file against the samples decoded (see ``mpeg``).

What cannot be known: whether a WAV written to a pipe (declared length 0xFFFFFFFF, or SoX's 0x7FFFF000), a
FLAC with a declared total of 0, or an MP3 without a frame count that was cut between two frames, or of free
bit rate, is all that was recorded. They are read as they are.
"""

from __future__ import annotations

import soundfile

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import check_aiff, check_wav
from auscult.sound.ogg import check_ogg

_UNKNOWN = 1 << 62  # libsndfile declares its largest number where a file does not say


def declared_samples(file: soundfile.SoundFile) -> int | None:
    """Samples a channel by the file's header, or ``None`` where it does not say."""
    return file.frames if file.frames < _UNKNOWN else None


def check_marks(name: str, container: str) -> None:
    """Checks the marks by which a WAV, AIFF or OGG file lets its end be known before decoding.

    Args:
        container: format as libsndfile names it.

    Raises:
        TruncatedAudio: the file ends before its own marks say.
    """
    match container:
        case "WAV" | "WAVEX" | "RF64":
            check_wav(name)
        case "AIFF":
            check_aiff(name)
        case "OGG":
            check_ogg(name)


def too_few_decoded(name: str, decoded: float, expected: float) -> TruncatedAudio:
    """The error for a file of which the decoder gave fewer seconds than there should be."""
    return TruncatedAudio(
        name,
        f"only about {decoded:.1f} s of {expected:.1f} s can be decoded: it was cut short, is damaged, or "
        "declares a wrong length; copy it again, or write it anew: ffmpeg -i OLD NEW",
    )
