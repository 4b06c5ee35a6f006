"""``auscult inspect``: what is in a model file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option, model_argument

if TYPE_CHECKING:
    from auscult.model import Model


@click.command("inspect", short_help="Tell what is in a model file.")
@model_argument
@json_option
def command(model: str, as_json: bool) -> None:
    """Tell what is in a model file."""
    from auscult.model.model_file import load_model

    contents = _contents(load_model(model))
    if as_json:
        text.print_json(contents)
    else:
        click.echo(_as_text(contents))


def _contents(model: Model) -> dict[str, Any]:
    from auscult.detectors.options import config_to_json
    from auscult.model.model_file import SCHEMA

    config = config_to_json(model.detector.config)
    front_end = config.pop("front_end")
    threshold = model.threshold()
    provenance = dict(model.provenance)
    warnings = [*provenance.pop("warnings", []), *([threshold.warning] if threshold.warning else [])]
    return {
        "schema": SCHEMA,
        "detector": model.detector.name,
        "score": model.detector.decisive_score,
        "parameters": model.detector.parameters,
        "config": config,
        "front_end": front_end,
        "channel": model.channel,
        "calibration": {
            "how": model.calibration.how,
            "count": len(model.calibration),
            "domains": dict(Counter(domain or "unknown" for domain in model.calibration.domains)),
            "threshold": {"value": threshold.value, "method": threshold.method, "rate": threshold.rate},
        },
        "facts": _summary(model.detector.facts),
        "provenance": provenance,
        "warnings": warnings,
    }


def _summary(facts: dict[str, Any]) -> dict[str, Any]:
    """What happened while learning, with the last epoch for the whole history and without what is told of
    single recordings; of members likewise."""
    long = ("history", "warnings", "parameters", "clips", "cut_from")
    kept = {k: v for k, v in facts.items() if k not in long}
    if "members" in kept:
        kept["members"] = {n: {**m, "facts": _summary(m["facts"])} for n, m in kept["members"].items()}
    history = facts.get("history")
    return {**kept, "last_epoch": history[-1]} if history else kept


def _as_text(contents: dict[str, Any]) -> str:
    calibration, provenance = contents["calibration"], contents["provenance"]
    counts = ", ".join(f"{number:,} {domain}" for domain, number in calibration["domains"].items())
    limit = calibration["threshold"]
    lines = [
        ("schema", str(contents["schema"])),
        ("detector", contents["detector"]),
        ("score", contents["score"]),
        ("parameters", f"{contents['parameters']:,}"),
        ("calibration", calibration["how"] + (f", {counts}" if counts else "")),
        ("threshold", f"{text.figure(limit['value'])} at {text.percent(limit['rate'])} false alarms"),
        ("channel", str(contents["channel"])),
        ("front end", _settings(contents["front_end"])),
        ("config", _settings({**contents["config"], "score": contents["score"]})),  # empty is the default
    ]
    facts = dict(contents["facts"])
    lines += text.members(facts.pop("tried", ()))
    shared = {**contents["front_end"], "seed": contents["config"]["seed"]}
    for name, member in facts.pop("members", {}).items():
        config = {**member["config"]["front_end"], **member["config"], **member["facts"]}
        own = {
            key: value
            for key, value in config.items()
            if key not in ("front_end", "adaptations") and (key, value) not in shared.items()
        }
        lines.append((name, _settings({"detector": member["detector"], **own})))
    told = {**provenance, **facts}
    lines += [
        (name.replace("_", " "), _value(value)) for name, value in told.items() if name != "adaptations"
    ]
    lines += [("adapted", _adaptation(entry)) for entry in provenance.get("adaptations", ())]
    lines += [("warning", warning) for warning in contents["warnings"]]
    return text.facts(lines)


def _adaptation(entry: dict[str, Any]) -> str:
    before, after = text.figure(entry["threshold_before"]), text.figure(entry["threshold_after"])
    return f"{entry['created']}: {'; '.join(entry['changes'])}; threshold {before} → {after}"


def _settings(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    """Plain data in one line, its numbers short."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value) or text.NONE
    if value is None:
        return text.NONE
    if isinstance(value, float):
        return text.figure(value)
    return str(value)
