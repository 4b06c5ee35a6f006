"""``auscult inspect``: show the contents of a model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import check_extension, check_writable, json_option, model_argument
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.model import Model

#: Titles of facts whose name alone is not clear.
_TITLES = {"seconds": "min, max seconds"}


@click.command("inspect", short_help="Show the contents of a model file.")
@model_argument
@click.option(
    "--curves",
    metavar="FILE",
    type=click.Path(),
    help="Write the training curves to a CSV file, a row for each epoch.",
)
@json_option
def command(model: str, curves: str | None, as_json: bool) -> None:
    """Show the contents of a model file."""
    if curves is not None:
        check_extension("--curves", curves, [".csv"])
        check_writable(curves, model=model)

    from auscult.model.model_file import load_model

    loaded = load_model(model)
    contents, histories = _contents(loaded), _histories(loaded.detector.name, loaded.detector.facts)
    if curves is not None:
        _write_curves(curves, model, histories)
    if as_json:
        text.print_json({**contents, "history": histories})
    else:
        click.echo(_as_text(contents))


def _contents(model: Model) -> dict[str, Any]:
    from auscult.detectors.options import config_to_json
    from auscult.model.code_state import code_warning
    from auscult.model.model_file import SCHEMA

    config = config_to_json(model.detector.config)
    front_end = config.pop("front_end")
    threshold = model.threshold()
    provenance = dict(model.provenance)
    provenance.pop("findings", None)
    policy = model.alarm_policy
    provenance.pop("alarm_policy", None)
    findings = [*model.warnings, *threshold.findings, *(policy.findings if policy else ())]
    if of_code := code_warning(type(model.detector), provenance):
        findings.append(of_code)
    return {
        "schema": SCHEMA,
        "detector": model.detector.name,
        "score": model.detector.decisive_score,
        "parameters": model.detector.parameters,
        "config": config,
        "front_end": front_end,
        "channel": model.channel,
        "calibration": {
            "method": model.calibration.method,
            "count": len(model.calibration),
            "domains": dict(Counter(domain or "unknown" for domain in model.calibration.domains)),
            "threshold": {"value": threshold.value, "method": threshold.method, "rate": threshold.rate},
        },
        "facts": _summary(model.detector.facts),
        "provenance": provenance,
        "alarm_policy": policy.to_json() if policy else None,
        **text.warnings_and_findings(findings),
    }


def _histories(name: str, facts: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Name of a network to the figures of its epochs: the detector's, or those of an ensemble's members."""
    if history := facts.get("history"):
        return {name: history}
    members = facts.get("members", {}).items()
    return {n: h for name, member in members for n, h in _histories(name, member["facts"]).items()}


def _write_curves(path: str, model: str, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write a CSV file with the network's name and the figures of an epoch in each row.

    Raises:
        OptionError: the model has no trained network.
    """
    from auscult.evaluation.textfile import write_rows

    if not histories:
        raise OptionError(f"--curves: {model} has no training curves, since it trains no network")
    rows = [(name, _columns(epoch)) for name, history in histories.items() for epoch in history]
    header = list(dict.fromkeys(column for _, epoch in rows for column in epoch))
    lines = ([name, *(epoch.get(column, "") for column in header)] for name, epoch in rows)
    write_rows(path, [["network", *header], *lines])


def _columns(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of an epoch; those in a list have numbered names from 1, such as ``kl_per_dimension_1``."""
    columns: dict[str, Any] = {}
    for name, value in epoch.items():
        several = isinstance(value, list)
        columns |= {f"{name}_{i}": v for i, v in enumerate(value, start=1)} if several else {name: value}
    return columns


def _summary(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without long entries: no data of single recordings, and only the last epoch of the history.

    The facts of the members of an ensemble are summarized in the same way.
    """
    long = ("history", "findings", "parameters", "clips", "cut_from", "batch_scores")
    short = {k: v for k, v in facts.items() if k not in long}
    if "members" in short:
        short["members"] = {n: {**m, "facts": _summary(m["facts"])} for n, m in short["members"].items()}
    history = facts.get("history")
    return {**short, "last_epoch": history[-1]} if history else short


def _as_text(contents: dict[str, Any]) -> str:
    from auscult.decision.alarms import AlarmPolicy
    from auscult.decision.alarms.wording import describe_policy

    calibration, provenance = contents["calibration"], contents["provenance"]
    counts = ", ".join(f"{number:,} {domain}" for domain, number in calibration["domains"].items())
    threshold = calibration["threshold"]
    lines = [
        ("schema", str(contents["schema"])),
        ("detector", contents["detector"]),
        ("score", contents["score"]),
        ("parameters", f"{contents['parameters']:,}"),
        ("calibration", calibration["method"] + (f", {counts}" if counts else "")),
        ("threshold", f"{text.figure(threshold['value'])} at {text.percent(threshold['rate'])} false alarms"),
        ("channel", ", ".join(provenance.pop("channel_names", [])) or str(contents["channel"])),
        ("front end", _settings(contents["front_end"])),
        (
            "config",
            _settings({**contents["config"], "score": contents["score"]}),
        ),  # an empty score in config means the default
    ]
    facts = dict(contents["facts"])
    facts.pop("tried", None)  # in files of version 0.1.0
    lines += text.members(facts.get("members", {}))
    shared = {**contents["front_end"], "seed": contents["config"]["seed"]}
    for name, member in facts.pop("members", {}).items():
        config = {**member["config"]["front_end"], **member["config"], **member["facts"]}
        own = {
            key: value
            for key, value in config.items()
            if key not in ("front_end", "adaptations") and (key, value) not in shared.items()
        }
        lines.append((name, _settings({"detector": member["detector"], **own})))
    lines += [
        (_TITLES.get(name, name.replace("_", " ")), _value(value))
        for name, value in {**provenance, **facts}.items()
        if name not in ("adaptations", "code")
    ]
    if contents["alarm_policy"]:
        lines += describe_policy(AlarmPolicy.from_json(contents["alarm_policy"]))
    lines += [("adapted", _adaptation(entry)) for entry in provenance.get("adaptations", ())]
    lines += [("warning", warning) for warning in contents["warnings"]]
    return text.facts(lines)


def _adaptation(entry: dict[str, Any]) -> str:
    before, after = text.figure(entry["threshold_before"]), text.figure(entry["threshold_after"])
    review = f"; {entry['review']['text']}" if "review" in entry else ""  # not in files of version 0.1.0
    return f"{entry['created']}: {'; '.join(entry['changes'])}; threshold {before} → {after}{review}"


def _settings(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    """Format plain data on one line, with short numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value) or text.NONE
    if value is None:
        return text.NONE
    if isinstance(value, float):
        return text.figure(value)
    return str(value)
