"""What follows from the intervals of `bench.reproduction`: sentences for docs/results/reproduction.md.

A difference counts as higher or lower only if its 95 % interval does not contain 0. With too few independent
recordings there is no interval, and nothing follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from auscult.benchmark.differences import Difference, differences
from bench.markdown import table
from bench.reproduction_tables import Outcome, difference_text, is_total, scored_systems, write_text
from bench.reproduction_variants import CHANGES, READINGS

_VERDICTS = ("higher", "lower", "not distinguished", "no interval")
_DATA = {"bldc": "motor", "simulated": "simulated machines"}


def write_claims(outcomes: Sequence[Outcome], file: Path | None = None) -> None:
    """Write the section on what holds, if there are results on all data sets."""
    by_data = {
        data: part for data in _DATA if (part := [outcome for outcome in outcomes if outcome[0].data == data])
    }
    if len(by_data) < len(_DATA) and file is None:
        print("no sentences on what holds: run without --only")
        return
    parts = [_readings(by_data), *(_changes(data, part) for data, part in by_data.items())]
    parts += [_training(data, part) for data, part in by_data.items()]
    write_text("bench.reproduction claims", "\n\n".join(part for part in parts if part), file)


def _readings(by_data: dict[str, list[Outcome]]) -> str:
    """The report's comparison, a gamma VAE minus the autoencoder, for each reading."""
    header, columns, sentences = ["reading"], [], []
    for data, part in by_data.items():
        for score in ("mahalanobis", "mse"):
            for metric, title in (("auc_target", "AUC target"), ("harmonic_mean", "harmonic mean")):
                compared = _differences(part, "autoencoder", READINGS, score, metric)
                header.append(f"{_DATA[data]}, {score}, {title}")
                columns.append([_cell(compared.get(name)) for name in READINGS])
                sentences.append(f"- {_DATA[data]}, {score}, {title}: {_counted(compared)}")
    rows = [[name, *cells] for name, *cells in zip(READINGS, *columns, strict=True)]
    return "\n\n".join(
        [
            "Gamma VAE minus autoencoder, in points, for each reading. The report claims a higher AUC target "
            "by Mahalanobis distance.",
            table(header, rows),
            "\n".join(sentences),
        ]
    )


def _changes(data: str, outcomes: Sequence[Outcome]) -> str:
    """Which single changes of a preset make a difference to it."""
    lines = []
    for preset, changes in CHANGES.items():
        names = [f"{preset}, {', '.join(f'{k}={v}' for k, v in change.items())}" for change in changes]
        for score in ("mse", "mahalanobis"):
            compared = _differences(outcomes, preset, names, score, "harmonic_mean")
            if not compared:
                continue
            groups: dict[str, list[str]] = {verdict: [] for verdict in _VERDICTS}
            for name, difference in compared.items():
                change = name.removeprefix(f"{preset}, ")
                groups[_verdict(difference)].append(f"`{change}` {difference_text(difference)}")
            text = "; ".join(f"{verdict}: {', '.join(of)}" for verdict, of in groups.items() if of)
            lines.append(f"- `{preset}`, {score}: {text}")
    if not lines:
        return ""
    return f"Changes of one option, {_DATA[data]}, harmonic mean, in points:\n\n" + "\n".join(lines)


def _training(data: str, outcomes: Sequence[Outcome]) -> str:
    """Which variants collapse, and how well the codes predict the speed."""
    facts: dict[str, list[dict[str, Any]]] = {}
    for fit, _, statistics in outcomes:
        if "kl" in statistics:
            facts.setdefault(fit.variant.name, []).append(statistics)
    counts = {name: sum(f["collapsed"] for f in of) for name, of in facts.items()}
    collapsed = [f"`{name}` {count} of {len(facts[name])}" for name, count in counts.items() if count]
    speed = [fmean(f["speed_r2"] for f in of) for of in facts.values() if all("speed_r2" in f for f in of)]
    sentences = [f"Collapsed on the {_DATA[data]}: {', '.join(collapsed) or 'none'}."]
    if speed:
        sentences.append(f"R² of the speed from the codes, by variant: {min(speed):.2f} to {max(speed):.2f}.")
    return " ".join(sentences)


def _differences(
    outcomes: Sequence[Outcome], baseline: str, names: Sequence[str], score: str, metric: str
) -> dict[str, Difference]:
    """The differences of variants from another, over all machines, by name."""
    scored = scored_systems(outcomes)
    compared = [f"{name}:{score}" for name in (baseline, *names)]
    few = {system: scored[system] for system in compared if system in scored}
    return {
        d.system.rpartition(":")[0]: d
        for d in differences(few, compared[0], metric=metric)
        if is_total(d.machine, outcomes)
    }


def _verdict(difference: Difference) -> str:
    estimate = difference.difference
    if estimate.low is None or estimate.high is None:
        return "no interval"
    if estimate.low <= 0 <= estimate.high:
        return "not distinguished"
    return "higher" if estimate.low > 0 else "lower"


def _cell(difference: Difference | None) -> str:
    return "–" if difference is None else f"{difference_text(difference)} {_verdict(difference)}"


def _counted(compared: dict[str, Difference]) -> str:
    verdicts = [_verdict(difference) for difference in compared.values()]
    counts = [f"{verdicts.count(v)} {v}" for v in _VERDICTS if v in verdicts]
    return f"of {len(verdicts)} readings {', '.join(counts)}" if counts else "no reading was fitted"
