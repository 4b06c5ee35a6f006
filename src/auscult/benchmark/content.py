"""Which test clips of a machine are copies of each other, or training clips, by their content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auscult.corpus import AudioClip, Clip
from auscult.evaluation.clip_labels import check_one_condition_each
from auscult.evaluation.remarks import fitted_on_remark
from auscult.model import Model
from auscult.model.known_recordings import was_fitted_on
from auscult.model.normal_index import content_id


@dataclass(frozen=True)
class ClipContent:
    """What the scored test clips of a machine are by their content.

    Attributes:
        identities: path to a number that is equal for copies of one recording.
        fitted_on: the paths of clips that are training recordings too.
    """

    identities: dict[str, int]
    fitted_on: tuple[str, ...] = ()

    @classmethod
    def of(cls, recordings: Sequence[AudioClip], model: Model) -> ClipContent:
        """Compares recordings with each other and with those that a model was fitted on.

        Args:
            recordings: the scored test recordings, with their log-mels.
            model: the model.

        Raises:
            EvaluationError: a recording is labelled both as normal and as anomalous.
        """
        front_end = model.detector.config.front_end
        numbers: dict[bytes | str, int] = {}
        identities, fitted_on = {}, []
        for recording in recordings:
            path, content = recording.clip.path, content_id(recording, front_end)
            identities[path] = numbers.setdefault(content or path, len(numbers))
            if was_fitted_on(model, recording):
                fitted_on.append(path)
        clips = [recording.clip for recording in recordings]
        check_one_condition_each(clips, [identities[clip.path] for clip in clips])
        return cls(identities, tuple(fitted_on))

    def remarks(self, clips: Sequence[Clip]) -> Iterator[str]:
        """A note that clips were left out, if any were."""
        fitted_on = [clip for clip in clips if clip.path in self.fitted_on]
        return (finding.message for finding in fitted_on_remark(fitted_on, len(clips)))

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return {"identities": self.identities, "fitted_on": list(self.fitted_on)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ClipContent:
        """Create the object from the output of `to_json`."""
        return cls(dict(data["identities"]), tuple(data["fitted_on"]))
