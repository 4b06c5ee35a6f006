"""The exceptions that auscult raises.

::

    AuscultError
    ├── AudioError             unusable recording: .path, .reason
    │   ├── UnreadableAudio    missing, not an audio file, or damaged beyond decoding
    │   ├── EmptyAudio         no samples
    │   ├── TruncatedAudio     shorter than its own header declares
    │   ├── NonFiniteAudio     NaN or infinity among the samples
    │   ├── UnsupportedAudio   sample rate or channel count out of range, or no such channel
    │   ├── TooLongAudio       longer than the limit for reading into memory
    │   ├── TableError         a table that is no signal, or is damaged; names line and column
    │   └── TooShortAudio      shorter than one window of the detector
    ├── SourceError            live audio source that cannot be opened: .source, .reason
    ├── CorpusError            invalid folder, file name or manifest: .path, .reason
    │   └── DownloadError      no network, wrong checksum, no disk space, or unsafe archive
    ├── FitError               fitting cannot start or failed
    │   ├── DivergedError      training loss is NaN, infinite or far too large; names the epoch
    │   └── NotNormalError     recordings to adapt to that the model finds anomalous: .review, .recommended
    ├── NotFittedError         a detector that scores before it is fitted
    ├── ModelFileError         corrupt, truncated, foreign or newer model file: .path, .reason
    ├── StoreError             event store locked, full, damaged or newer: .path, .reason, .full
    ├── ExportError            exported graph whose scores differ from the model's
    ├── EvaluationError        labels or score files from which no metric can be computed
    ├── WorkersError           worker processes or cluster unavailable, or workers that died
    ├── OptionError            unknown option, or invalid value of an option
    ├── PluginError            unusable detector of another package: .detector, .distribution, .reason
    └── MissingExtraError      optional dependency not installed; names the extra to install
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any


class AuscultWarning(UserWarning):
    """A reason to trust a result less.

    Args:
        message: the problem and what to do about it.
        kind: a fixed identifier, as of `auscult.Finding`.
        paths: the affected recordings; empty if all are, or if the problem is not about recordings.
    """

    def __init__(self, message: str, kind: str = "other", paths: Sequence[str] = ()) -> None:
        super().__init__(message, kind, paths)  # unchanged arguments, so that the warning can be pickled
        self.message, self.kind, self.paths = message, kind, tuple(paths)

    def __str__(self) -> str:
        return self.message


class AuscultError(Exception):
    """Base class of all exceptions that auscult raises."""


class _FileError(AuscultError):
    """An error about one file or folder, with ``path`` and ``reason`` as separate attributes."""

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class AudioError(_FileError):
    """The recording cannot be used."""


class UnreadableAudio(AudioError):
    """The file is missing, is not an audio file, or is damaged beyond decoding."""


class EmptyAudio(AudioError):
    """The recording has no samples."""


class TruncatedAudio(AudioError):
    """The file ends before the length that its own header declares."""


class NonFiniteAudio(AudioError):
    """The samples contain NaN or infinity."""


class UnsupportedAudio(AudioError):
    """The sample rate or channel count is out of range, or the file lacks the requested channel."""


class TooLongAudio(AudioError):
    """The recording is longer than the limit for reading into memory."""


class TooShortAudio(AudioError):
    """The recording is shorter than one window of the detector."""


class TableError(AudioError):
    """The table cannot be read as a signal.

    Args:
        path: the file.
        reason: what is wrong, and what to do.
        line: line of a text file, or row of another table, from 1, if it is about one.
        column: name or number of the column, if it is about one.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        reason: str,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(path, reason)
        self.args = (path, reason, line, column)  # unchanged arguments, so that the error can be pickled
        self.line, self.column = line, column


class SourceError(AuscultError):
    """A live source of audio cannot be opened, such as a microphone, a stream or a folder.

    Args:
        source: what it is called, without passwords.
        reason: why, and what to do.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source, self.reason = source, reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class CorpusError(_FileError):
    """No clips can be read from a folder, file name or manifest."""


class DownloadError(CorpusError):
    """A download failed: network, checksum, disk space or unsafe archive."""


class FitError(AuscultError):
    """Fitting cannot start, or failed."""


class DivergedError(FitError):
    """The training loss is NaN, infinite or far too large."""


class NotNormalError(FitError):
    """Some of the recordings that a model is to be adapted to are anomalous by that model.

    Args:
        message: for the user, what the recordings are like; several lines.
        review: the figures, JSON-serialisable: ``recordings`` (number scored), ``above`` (number above the
            threshold), ``paths_above``, ``threshold``, ``false_alarms`` (its rate), ``spread`` (by how much
            those above differ from each other, relative to the model's normal recordings) and ``text``.
    """

    def __init__(self, message: str, review: Mapping[str, Any]) -> None:
        super().__init__(message, review)  # unchanged arguments, so that the error can be pickled
        self.message, self.review = message, review

    def __str__(self) -> str:
        return (
            f"{self.message}\n"
            "  If these may be faults of the machine or of the sensor, do not adapt. Otherwise there are two "
            "ways on:\n"
            "  `accept=True`   if the machine is running normally in another way, or is another unit that "
            "the model is to cover too: adds the recordings to the normal ones\n"
            "  `replace=True`  if the machine was repaired or changed for good: only these recordings are "
            "normal from now on, the earlier ones are forgotten"
        )

    @property
    def recommended(self) -> str | None:
        """``"accept"`` if no more than half of the recordings are above the threshold, otherwise ``None``.

        If most are above it, nothing distinguishes a machine that was repaired from another unit. Either
        applies only if the recordings are normal, which nothing but knowledge of the machine can decide.
        """
        return None if 2 * self.review["above"] > self.review["recordings"] else "accept"


class NotFittedError(AuscultError, ValueError):
    """The detector has to be fitted first."""

    def __init__(self, message: str = "the detector is not fitted: call its method fit first") -> None:
        super().__init__(message)


class ModelFileError(_FileError):
    """The model file is corrupt, truncated, foreign, or written by a newer version of auscult."""


class StoreError(_FileError):
    """The event store is in use, damaged, newer than this version of auscult, or cannot be written.

    Args:
        path: the store, or the file in it.
        reason: what is wrong, and what to do.
        full: there is no room left on the disk. Nothing was written, and writing works again once there is.
    """

    def __init__(self, path: str | PathLike[str], reason: str, full: bool = False) -> None:
        super().__init__(path, reason)
        self.args = (path, reason, full)  # unchanged arguments, so that the error can be pickled
        self.full = full


class ExportError(AuscultError):
    """The exported graph does not give the scores of its model."""


class EvaluationError(AuscultError):
    """No metric can be computed from the labels or score files."""


class WorkersError(AuscultError):
    """The worker processes or the cluster are unavailable, or workers died."""


class OptionError(AuscultError, ValueError):
    """The option does not exist, or its value is invalid."""


class PluginError(AuscultError):
    """The detector of another installed package cannot be used.

    Args:
        detector: name of the detector.
        distribution: name and version of the package.
        reason: what is wrong.
    """

    def __init__(self, detector: str, distribution: str, reason: str) -> None:
        super().__init__(detector, distribution, reason)  # unchanged arguments, so that it can be pickled
        self.detector, self.distribution, self.reason = detector, distribution, reason

    def __str__(self) -> str:
        return f"the detector {self.detector!r} of {self.distribution} cannot be used: {self.reason}"


class MissingExtraError(AuscultError, ImportError):
    """An optional dependency of auscult is not installed.

    Args:
        feature: what requires it, as the start of a sentence: "Fitting autoencoder".
        extra: the extra of the package auscult that installs it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)  # unchanged arguments, so that the error can be pickled

    def __str__(self) -> str:
        return "{} requires an optional dependency: pip install 'auscult[{}]'".format(*self.args)
