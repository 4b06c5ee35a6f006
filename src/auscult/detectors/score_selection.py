"""Detectors that compute either all of their scores, or only the one that is compared with the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.detectors.base import Config, Detector


class ScoreSelection(Detector):
    """Base class of detectors with the option ``all_scores``; if it is false, they have one score."""

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self._select_scores()

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._select_scores()

    def _select_scores(self) -> None:
        if not self.config.all_scores:  # type: ignore[attr-defined]
            vars(self)["scores"] = (self.decisive_score,)  # instead of those of the class
