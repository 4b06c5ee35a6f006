"""Codes and embeddings of recordings as arrays, to be analysed elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.corpus import Clip
from auscult.corpus.prefetch import prefetch
from auscult.detectors import Progress
from auscult.detectors.representable import Representation, representable
from auscult.errors import AudioError, EvaluationError
from auscult.model import Model
from auscult.model.axes import require_one_channel


@dataclass(frozen=True)
class Embeddings:
    """What a model's detector computes of N recordings before the score.

    Attributes:
        detector: name of the detector.
        clips: the N clips that could be used.
        representations: one for each of them.
        errors: one for every other clip.
    """

    detector: str
    clips: Sequence[Clip]
    representations: Sequence[Representation]
    errors: Sequence[AudioError]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name; the names of those of the detector are in `Representable.represent`.

        ===================== ============== ==============================================================
        name                  shape          content
        ===================== ============== ==============================================================
        ``paths``             (N,)           names of the recordings, text
        ``conditions``        (N,)           ``normal``, ``anomaly`` or empty, as the names of files say
        ``domains``           (N,)           ``source``, ``target`` or empty
        ``detector``          ()             name of the detector
        arrays of a recording (N, …)         one row for each recording
        arrays of windows     (W, …)         the windows of all recordings, one after the other
        ``window_recording``  (W,)           index of the recording that each window belongs to, int64
        ``window_seconds``    (W,)           time of the middle of each window in its recording, s
        names of axes         (K,)           names of the entries along an axis, text
        ===================== ============== ==============================================================
        """
        first, every = self.representations[0], self.representations
        arrays = {
            "paths": np.array([clip.name for clip in self.clips]),
            "conditions": np.array([clip.condition or "" for clip in self.clips]),
            "domains": np.array([clip.domain or "" for clip in self.clips]),
            "detector": np.array(self.detector),
        }
        arrays |= {name: np.stack([r.recording[name] for r in every]) for name in first.recording}
        arrays |= {name: np.concatenate([r.windows[name] for r in every]) for name in first.windows}
        if first.windows:
            counts = [len(r.seconds) for r in every]
            arrays["window_recording"] = np.repeat(np.arange(len(every)), counts)
            arrays["window_seconds"] = np.concatenate([r.seconds for r in every])
        return arrays | {name: np.array(names) for name, names in first.axes.items()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `arrays` as a compressed ``.npz`` file."""
        import io

        from auscult.runtime.files import write_atomically

        stream = io.BytesIO()
        np.savez_compressed(stream, **self.arrays())  # type: ignore[arg-type]
        write_atomically(path, stream.getvalue())


def embed(model: Model, clips: Iterable[Clip], *, progress: Progress | None = None) -> Embeddings:
    """Compute the codes, embeddings or pooled views of recordings.

    Args:
        model: the model, whose detector must have some.
        clips: the recordings.
        progress: called with ``("embed", done, total, {})`` after each recording.

    Raises:
        OptionError: the detector has none.
        EvaluationError: none of the recordings can be used.
    """
    require_one_channel(model, "Embedding recordings with")
    clips = list(clips)
    used: list[Clip] = []
    representations: list[Representation] = []
    errors: list[AudioError] = []
    compute = representable(model.detector).represent
    for done, (recording, outcome) in enumerate(prefetch(map(model.audio_clip, clips), compute), start=1):
        if isinstance(outcome, AudioError):
            errors.append(outcome)
        else:
            used.append(recording.clip)
            representations.append(outcome)
        if progress:
            progress("embed", done, len(clips), {})
    if not used:
        first = f": {errors[0]}" if errors else ""
        raise EvaluationError(f"none of {len(clips)} recordings can be used{first}")
    return Embeddings(model.detector.name, used, representations, errors)


def shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
    """Return name to shape."""
    return {name: list(array.shape) for name, array in arrays.items()}
