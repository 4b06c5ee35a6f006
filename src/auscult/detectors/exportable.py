"""Detectors whose scores an ONNX graph can compute, without auscult."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from auscult.detectors.base import Detector
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value


class Exportable(Detector):
    """Base class of detectors that can be exported."""

    @abstractmethod
    def export(self, samples: Value) -> GraphEvidence:
        """Build `score` as an ONNX graph.

        Args:
            samples: (N,) float32 at ``config.front_end.sample_rate``, N at least `minimum_samples`.

        Raises:
            OptionError: it cannot be exported with this configuration; the message says why.
        """


def export_graph(detector: Detector, samples: Value) -> GraphEvidence:
    """Build the scores of a detector as an ONNX graph; see `Exportable.export`.

    Raises:
        OptionError: the detector cannot be exported; the message says what an export would require: the
            detector's attribute ``export_needs``, if it has one.
    """
    if isinstance(detector, Exportable):
        return detector.export(samples)
    needs = getattr(detector, "export_needs", "an implementation of its method export, as an Exportable")
    raise OptionError(f"{detector.name} cannot be exported: that would require {needs}")
