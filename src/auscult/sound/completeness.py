"""Detection of truncated files, and of audio beyond what a header declares; libsndfile reports neither.

What is checked depends on the format:

- WAV (RIFF, RIFX, RF64, BW64), AIFF, AIFC, AU, CAF and W64, before decoding: the length of the sample chunk
  against the size of the file. A length of 0 with samples after it means that the recorder did not finalise
  the header. A WAV with more samples than declared, such as one of more than 4 GiB, is read to the end, with
  a note; another format with more samples is an error.
- OGG, before decoding: the pages must follow each other with the right checksums, and the last one must end
  its stream. A chained file is decoded stream by stream. After decoding: the declared number of samples
  against the decoded number.
- FLAC: the declared number of samples against the decoded number. Tags after the audio are not decoded.
- MP3, before decoding: the frame count of a Xing, Info or VBRI header against the frames in the file, and
  whether the file ends inside a frame; after decoding: the frames in the file against the decoded samples
  (see ``mpeg``). Files that were joined are decoded one after the other.

Truncation cannot be detected in a WAV written to a pipe (declared length 0xFFFFFFFF, or SoX's 0x7FFFF000), a
FLAC with a declared total of 0, an MP3 without a frame count that was truncated between two frames, or an MP3
of free bit rate. These are read as they are. So are the rarer formats of libsndfile, with a note.
"""

from __future__ import annotations

from dataclasses import dataclass

import soundfile

from auscult.errors import TruncatedAudio
from auscult.findings import Finding
from auscult.sound.aiff import check_aiff
from auscult.sound.flac import open_flac
from auscult.sound.mpeg import count_frames, needs_frame_count, open_run
from auscult.sound.ogg import links
from auscult.sound.patched_file import PatchedFile
from auscult.sound.simple_containers import check_au, check_caf, check_w64
from auscult.sound.wav import check_wav, length_note, open_with_length

_UNKNOWN = 1 << 62  # libsndfile reports its largest number if the length is not declared


@dataclass(frozen=True)
class DecodingPlan:
    """How to decode a file completely.

    Attributes:
        parts: what to decode in place of the file itself, one after the other; empty to decode the file.
        expected: number of samples per channel that decoding must give at least; ``None`` if unknown. If
            there are several parts, each declares its own.
        only_expected: whether more samples are an error, and a decoder that stops after them is none.
        notes: what the user should know about the file.
    """

    parts: tuple[PatchedFile, ...] = ()
    expected: int | None = None
    only_expected: bool = False
    notes: tuple[Finding, ...] = ()


def declared_samples(file: soundfile.SoundFile) -> int | None:
    """Return the number of samples per channel in the file's header, or ``None`` if not declared."""
    return file.frames if file.frames < _UNKNOWN else None


def decoding_plan(name: str, file: soundfile.SoundFile) -> DecodingPlan:
    """Check, before decoding, that a file is complete, and find out where its audio is.

    Args:
        name: path of the file.
        file: the same file, opened.

    Raises:
        TruncatedAudio: the file is shorter, or longer, than its headers declare.
        UnreadableAudio: a file whose structure does not lead to any samples.
    """
    match file.format:
        case "WAV" | "WAVEX" | "RF64":
            longer = check_wav(name)
            if longer is not None:
                return DecodingPlan((open_with_length(name, longer),), notes=(length_note(longer),))
        case "AIFF":
            check_aiff(name)
        case "AU":
            check_au(name)
        case "CAF":
            check_caf(name)
        case "W64":
            return DecodingPlan((PatchedFile(name, 0, end=check_w64(name)),))
        case "FLAC":
            return DecodingPlan((open_flac(name),), declared_samples(file), only_expected=True)
        case "OGG":
            return _ogg_plan(name, file)
        case "MP3":
            return _mpeg_plan(name)
        case _:
            message = f"whether a file of format {file.format} is complete cannot be checked"
            return DecodingPlan(notes=(Finding("unchecked_end", message),))
    return DecodingPlan()


def _ogg_plan(name: str, file: soundfile.SoundFile) -> DecodingPlan:
    chain = links(name)
    notes = []
    if any(link.begins_late for link in chain):
        message = "pages are missing at the beginning of the OGG stream: read from there on"
        notes.append(Finding("missing_start", message))
    if len(chain) > 1:
        notes.append(_joined_note(len(chain), "OGG"))
    # Each part ends with its last page, since bytes after it can stop the decoder.
    parts = tuple(PatchedFile(name, link.start, end=link.end) for link in chain)
    return DecodingPlan(parts, expected=declared_samples(file), notes=tuple(notes))


def _mpeg_plan(name: str) -> DecodingPlan:
    runs = count_frames(name)
    match runs:
        case []:
            return DecodingPlan()
        case [run]:
            return DecodingPlan((open_run(name, run),) if needs_frame_count(run) else (), run.min_samples)
    return DecodingPlan(tuple(open_run(name, run) for run in runs), notes=(_joined_note(len(runs), "MP3"),))


def _joined_note(streams: int, format: str) -> Finding:
    message = f"{streams} {format} streams, one after the other: read as one recording"
    return Finding("joined_streams", message)


def too_few_decoded(
    name: str, decoded_seconds: float, expected_seconds: float, message: str = ""
) -> TruncatedAudio:
    """Return the error for a file that decodes to fewer seconds than expected; ``message`` of the decoder."""
    return TruncatedAudio(
        name,
        f"only about {decoded_seconds:.1f} s of {expected_seconds:.1f} s can be decoded"
        + (f" (libsndfile: {message})" if message else "")
        + ": the file is truncated or damaged, or declares a wrong length; copy it again, or re-encode it "
        "with: ffmpeg -i OLD NEW",
    )


def more_than_declared(name: str, declared_seconds: float) -> TruncatedAudio:
    """Return the error for a file that has more audio than its header declares."""
    return TruncatedAudio(
        name,
        f"its header declares {declared_seconds:.1f} s, but more audio follows: the header was not updated "
        "when the recording ended, or several files were joined; re-encode it with: ffmpeg -i OLD NEW",
    )
