"""The summary of a fitted model that ``auscult fit`` prints."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auscult.cli import text
from auscult.decision import required_count

if TYPE_CHECKING:
    from auscult.findings import Finding
    from auscult.model import Model


def model_findings(model: Model) -> list[Finding]:
    """What the user should know about a model, and about its threshold at the default rate."""
    return [*model.warnings, *model.threshold().findings]


def summarize(model: Model, output: str) -> dict[str, Any]:
    """Summarize a model that was written to ``output``; the fields of ``--json``."""
    threshold = model.threshold()
    return {
        "model": output,
        "detector": model.detector.name,
        "preset": model.provenance["preset"],
        "score": model.detector.decisive_score,
        "parameters": sum(axis.detector.parameters for axis in model.axes or [model]),
        "channels": model.provenance.get("channel_names", []),
        "clips": model.provenance["clips"],
        "domains": model.provenance["domains"],
        "calibration": {"method": model.calibration.method, "count": len(model.calibration)},
        "members": _members(model.detector.facts),
        "encoder": _encoder(model.detector.facts),
        "threshold": threshold.value,
        "false_alarms": threshold.rate,
        "threshold_label": threshold.label,
        "bytes": os.path.getsize(output),
        "fit_seconds": model.provenance["fit_seconds"],
        "left_out": model.provenance["left_out"],
        **text.warnings_and_findings(model_findings(model)),
    }


def format_summary(result: dict[str, Any], model: Model) -> str:
    """Format the result of `summarize` as text."""
    preset = f", preset {result['preset']}" if result["preset"] else ""
    domains = ", ".join(f"{number:,} {name}" for name, number in result["domains"].items())
    domain_counts = f" ({domains})" if set(result["domains"]) != {"unknown"} else ""
    calibration = result["calibration"]
    return "\n".join(
        [
            text.facts(
                [
                    ("model", f"{result['model']} ({text.size(result['bytes'])})"),
                    (
                        "detector",
                        f"{result['detector']}{preset}, score {result['score']}, "
                        f"{result['parameters']:,} parameters",
                    ),
                    *([("channels", ", ".join(result["channels"]))] if result["channels"] else []),
                    *text.members(model.detector.facts.get("members", {})),
                    *([("encoder", _describe_encoder(result["encoder"]))] if result["encoder"] else []),
                    (
                        "fitted on",
                        f"{text.count(result['clips'], 'recording')}{domain_counts} "
                        f"in {result['fit_seconds']:.1f} s",
                    ),
                    (
                        "calibration",
                        f"{calibration['method']}, {text.count(calibration['count'], 'recording')}",
                    ),
                    ("threshold", text.describe_threshold(model.threshold())),
                ]
            ),
            "",
            next_step(result),
        ]
    )


def next_step(result: Mapping[str, Any]) -> str:
    """What to do with a model; without a threshold at the default rate, what it can still do.

    Args:
        result: as of `summarize`.
    """
    score = f"auscult score {shlex.quote(result['model'])} NEW_RECORDINGS..."
    if result["threshold"] is not None:
        return f"Next:  {score}"
    count = result["calibration"]["count"]
    if result["false_alarms"] and count >= required_count(result["false_alarms"]):
        return "Next:  resolve what the warnings say, and fit again"
    if not count:
        return f"Next:  {score}  (scores without a verdict, since there was no calibration)"
    lowest = math.ceil(100 / (count + 1))  # percent
    return f"Next:  record more and fit again, or accept more false alarms: {score} --false-alarms {lowest}%"


def next_step_of_several(results: Sequence[Mapping[str, Any]]) -> str:
    """What to do with models in one folder: as `next_step` for those with a threshold, if there are any."""
    usable = [result for result in results if result["threshold"] is not None] or results
    pattern = os.path.join(os.path.dirname(usable[0]["model"]), "MACHINE.auscult")
    fewest = min(usable, key=lambda result: result["calibration"]["count"])
    machines = ", ".join(os.path.basename(result["model"]).removesuffix(".auscult") for result in usable)
    return f"{next_step({**fewest, 'model': pattern})}  (MACHINE is one of {machines})"


def _members(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, detector, score, weight and fitting time of the members of an ensemble."""
    return [
        {
            "name": name,
            "detector": member["detector"],
            "score": member["config"]["score"],
            "weight": member["weight"],
            "seconds": member["seconds"],
        }
        for name, member in facts.get("members", {}).items()
    ]


def _encoder(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the facts about the encoder of a detector or of one of its members; ``None``: there is none."""
    candidates = [facts, *(member["facts"] for member in facts.get("members", {}).values())]
    return next((candidate["encoder"] for candidate in candidates if "encoder" in candidate), None)


def _describe_encoder(encoder: Mapping[str, Any]) -> str:
    """Describe an encoder: ``yamnet.onnx, 16000 Hz (metadata), windows of 0.975 s, 3 frames per clip``."""
    origin = {
        "metadata": "as its metadata say",
        "option": "encoder_rate",
        "default": "the default: set encoder_rate if it has another",
    }[encoder["rate_from"]]
    fewest, most = encoder["frames_per_clip"]
    frames = text.count(most, "frame") if fewest == most else f"{fewest} to {most} frames"
    window = f"{encoder['window_seconds']:.3g} s"
    return f"{encoder['file']}, {encoder['rate']} Hz ({origin}), windows of {window}, {frames} per clip"
