"""Detection of truncated files, which libsndfile reads without an error.

What is checked depends on the format:

- WAV (RIFF, RIFX, RF64, BW64) and AIFF, AIFC, before decoding: the length of the sample chunk against the
  size of the file. A length of 0 with samples after it means that the recorder did not finalise the header.
- OGG, before decoding: the last page must be complete and end its stream.
- FLAC: the declared number of samples against the decoded number.
- MP3, before decoding: the frame count of a Xing, Info or VBRI header against the frames in the file, and
  whether the file ends inside a frame; after decoding: the frames in the file against the decoded samples
  (see ``mpeg``).

Truncation cannot be detected in a WAV written to a pipe (declared length 0xFFFFFFFF, or SoX's 0x7FFFF000), a
FLAC with a declared total of 0, an MP3 without a frame count that was truncated between two frames, or an MP3
of free bit rate. These are read as they are.
"""

from __future__ import annotations

import soundfile

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import check_aiff, check_wav
from auscult.sound.ogg import check_ogg

_UNKNOWN = 1 << 62  # libsndfile reports its largest number if the length is not declared


def declared_samples(file: soundfile.SoundFile) -> int | None:
    """Return the number of samples per channel in the file's header, or ``None`` if not declared."""
    return file.frames if file.frames < _UNKNOWN else None


def check_not_truncated(name: str, container: str) -> None:
    """Check, before decoding, that a WAV, AIFF or OGG file is complete; other formats pass.

    Args:
        name: path of the file.
        container: its format as libsndfile names it.

    Raises:
        TruncatedAudio: the file is shorter than its headers declare.
        UnreadableAudio: a WAV or AIFF file whose chunks do not lead to any samples.
    """
    match container:
        case "WAV" | "WAVEX" | "RF64":
            check_wav(name)
        case "AIFF":
            check_aiff(name)
        case "OGG":
            check_ogg(name)


def too_few_decoded(name: str, decoded_seconds: float, expected_seconds: float) -> TruncatedAudio:
    """Return the error for a file that decodes to fewer seconds than expected."""
    return TruncatedAudio(
        name,
        f"only about {decoded_seconds:.1f} s of {expected_seconds:.1f} s can be decoded: the file is "
        "truncated or damaged, or declares a wrong length; copy it again, or re-encode it with: "
        "ffmpeg -i OLD NEW",
    )
