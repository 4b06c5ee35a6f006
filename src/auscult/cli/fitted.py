"""What ``auscult fit`` tells of a model that it made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from auscult.cli import text

if TYPE_CHECKING:
    from auscult.model import Model


def summary(model: Model, output: str) -> dict[str, Any]:
    """What `fit` tells of a model that was written."""
    threshold = model.threshold()
    warnings = [*model.provenance["warnings"], *([threshold.warning] if threshold.warning else [])]
    return {
        "model": output,
        "detector": model.detector.name,
        "preset": model.provenance["preset"],
        "score": model.detector.decisive_score,
        "parameters": model.detector.parameters,
        "clips": model.provenance["clips"],
        "domains": model.provenance["domains"],
        "calibration": {"how": model.calibration.how, "count": len(model.calibration)},
        "members": model.detector.facts.get("tried", []),
        "threshold": threshold.value,
        "false_alarms": threshold.rate,
        "bytes": os.path.getsize(output),
        "fit_seconds": model.provenance["fit_seconds"],
        "left_out": model.provenance["left_out"],
        "warnings": warnings,
    }


def as_text(result: dict[str, Any], model: Model) -> str:
    """The `summary` of a model, for people."""
    preset = f", preset {result['preset']}" if result["preset"] else ""
    domains = ", ".join(f"{number:,} {name}" for name, number in result["domains"].items())
    known = f" ({domains})" if set(result["domains"]) != {"unknown"} else ""
    calibration = result["calibration"]
    return "\n".join(
        [
            text.facts(
                [
                    ("model", f"{result['model']} ({text.size(result['bytes'])})"),
                    (
                        "detector",
                        f"{result['detector']}{preset}, {result['parameters']:,} parameters; "
                        f"the score {result['score']} decides",
                    ),
                    *text.members(result["members"]),
                    (
                        "learnt from",
                        f"{text.count(result['clips'], 'recording')}{known} in {result['fit_seconds']:.1f} s",
                    ),
                    (
                        "calibration",
                        f"{calibration['how']}, {text.count(calibration['count'], 'recording')}",
                    ),
                    ("threshold", text.describe_threshold(model.threshold())),
                ]
            ),
            "",
            f"Next:  auscult score {result['model']} NEW_RECORDINGS...",
        ]
    )
