"""Everything that auscult raises on purpose.

::

    AuscultError
    ├── AudioError             a recording that cannot be used: .path, .reason
    │   ├── UnreadableAudio    missing, no audio file, or damaged beyond decoding
    │   ├── EmptyAudio         no samples
    │   ├── TruncatedAudio     ends before its own header says
    │   ├── NonFiniteAudio     NaN or infinity among the samples
    │   ├── UnsupportedAudio   absurd sample rate or channel count, or no such channel
    │   ├── TooLongAudio       over the cap on seconds read at once
    │   └── TooShortAudio      shorter than one window of the detector
    ├── CorpusError            a folder, file name or manifest that yields no clips: .path, .reason
    │   └── DownloadError      no network, a wrong checksum, no disk space, an unsafe archive
    ├── FitError               learning cannot start or did not end well
    │   └── DivergedError      a loss that left the finite numbers; names the reading at fault
    ├── ModelFileError         a model file that is corrupt, truncated, foreign, newer or damaged
    ├── ExportError            an exported graph that does not score as its model does
    ├── EvaluationError        labels or score files from which no metric can be had
    ├── WorkersError           workers that cannot be had, or that died
    ├── OptionError            an option that does not exist, or a value it does not take
    └── MissingExtraError      an optional part is not installed; says what to install
"""

from __future__ import annotations

from os import PathLike, fspath


class AuscultError(Exception):
    """Base of every error that auscult raises on purpose."""


class _FileError(AuscultError):
    """An error about one file or folder; keeps its path and the reason apart for programs."""

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class AudioError(_FileError):
    """A recording that cannot be used."""


class UnreadableAudio(AudioError):
    """Missing, not an audio file, or damaged beyond decoding."""


class EmptyAudio(AudioError):
    """No samples."""


class TruncatedAudio(AudioError):
    """Ends before its own header says it does."""


class NonFiniteAudio(AudioError):
    """NaN or infinity among the samples."""


class UnsupportedAudio(AudioError):
    """Absurd sample rate or channel count, or a channel that the file does not have."""


class TooLongAudio(AudioError):
    """More seconds than are read at once."""


class TooShortAudio(AudioError):
    """Shorter than one window of the detector."""


class CorpusError(_FileError):
    """A folder, file name or manifest from which no clips can be had."""


class DownloadError(CorpusError):
    """A download that cannot be finished: network, checksum, disk space or an unsafe archive."""


class FitError(AuscultError):
    """Learning cannot start, or did not end well."""


class DivergedError(FitError):
    """A training loss left the finite numbers."""


class ModelFileError(_FileError):
    """A model file that is corrupt, truncated, foreign, newer than this version, or damaged."""


class ExportError(AuscultError):
    """An exported graph that does not score as its model does."""


class EvaluationError(AuscultError):
    """Labels or score files from which no metric can be computed."""


class WorkersError(AuscultError):
    """The processes or the cluster that work was to be spread over cannot be had, or died."""


class OptionError(AuscultError, ValueError):
    """An option that does not exist, or a value that it does not take."""


class MissingExtraError(AuscultError, ImportError):
    """An optional part of auscult is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # as they came: errors travel between processes by these

    def __str__(self) -> str:
        return "{} needs an optional part: pip install 'auscult[{}]'".format(*self.args)
