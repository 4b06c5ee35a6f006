"""Is all of a recording there? libsndfile reads the rest of a file that was cut short without a word.

What each format lets us know:

- WAV (RIFF, RIFX, RF64, BW64) and AIFF, AIFC: the size of the sample chunk against the size of the file,
  before decoding. A length of 0 with samples after it is a recorder's header that was never finalised.
- OGG: the last page must be whole and end its stream, before decoding.
- FLAC: the declared number of samples against those decoded.
- MP3: the frame count of a Xing, Info or VBRI header against the frames in the file, before decoding; and
  the frames in the file against the samples decoded, since without such a header libsndfile guesses the
  length and may stop in the middle of a recording of variable bit rate. A cut inside a frame is found too.

What cannot be known: whether a WAV written to a pipe (declared length 0xFFFFFFFF, or SoX's 0x7FFFF000), a
FLAC with a declared total of 0, or an MP3 without a frame count that was cut between two frames, or of free
bit rate, is all that was recorded. They are read as they are.
"""

from __future__ import annotations

import soundfile

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import check_aiff, check_wav
from auscult.sound.mpeg import check_mpeg
from auscult.sound.ogg import check_ogg

_UNKNOWN = 1 << 62  # libsndfile declares its largest number where a file does not say


def declared_samples(file: soundfile.SoundFile) -> int | None:
    """Samples a channel by the file's header, or ``None`` where it does not say."""
    return file.frames if file.frames < _UNKNOWN else None


def expected_samples(file: soundfile.SoundFile) -> int | None:
    """Checks what can be checked before decoding, and says how many samples decoding must give at least.

    Returns:
        The least number of samples a channel, or ``None`` where only the checks made here can tell.

    Raises:
        TruncatedAudio: the file ends before its own headers say.
    """
    match file.format:
        case "WAV" | "WAVEX" | "RF64":
            check_wav(file.name)
        case "AIFF":
            check_aiff(file.name)
        case "OGG":
            check_ogg(file.name)
        case "FLAC":
            return declared_samples(file)
        case "MP3":
            return check_mpeg(file.name)
    return None


def too_few_decoded(file: soundfile.SoundFile, decoded: int, expected: int) -> TruncatedAudio:
    """The error for a file of which the decoder gave less than there should be."""
    rate = file.samplerate
    return TruncatedAudio(
        file.name,
        f"only about {decoded / rate:.1f} s of {expected / rate:.1f} s can be decoded: it was cut short, is "
        "damaged, or declares a wrong length; copy it again, or write it anew: ffmpeg -i OLD NEW",
    )
