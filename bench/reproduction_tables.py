"""The tables of `bench.reproduction` in docs/results/reproduction.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from auscult.benchmark.differences import LabelledScores, differences
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import StageResult
from auscult.corpus import Corpus, attribute_groups
from auscult.evaluation import evaluate_scores, labels_of
from bench.markdown import table, this_machine, write_section
from bench.reproduction_variants import READINGS, VariantFit, variants

Outcome = tuple[VariantFit, "StageResult | str", dict[str, Any]]
SCORES = ("mse", "mahalanobis")


def write_tables(outcomes: Sequence[Outcome], file: Path | None = None) -> None:
    """Write the section of each data set that was run, into the documentation or a file."""
    for data in dict.fromkeys(fit.data for fit, _, _ in outcomes):
        part = [outcome for outcome in outcomes if outcome[0].data == data]
        write_text(f"bench.reproduction {data}", _section(part), file)


def write_text(name: str, text: str, file: Path | None) -> None:
    """Write a section into docs/results/reproduction.md, or append it to a file."""
    if file is None:
        write_section("results/reproduction.md", name, text)
    else:
        with file.open("a") as appended:
            appended.write(f"<!-- {name} -->\n\n{text}\n\n")


def _section(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(sorted((t.variant.name for t, _, _ in outcomes), key=_order())))
    scored = scored_systems(outcomes)
    mse = {k: v for k, v in scored.items() if k.endswith(":mse")}
    by_mse = {d.system: d for d in differences(mse, "autoencoder:mse") if is_total(d.machine, outcomes)}
    rows = [
        [
            name,
            *_means(outcomes, name),
            difference_text(by_mse.get(f"{name}:mse")),
            *_training(outcomes, name),
        ]
        for name in names
    ]
    header = [
        "variant",
        "MSE: s / t / p",
        "harmonic mean",
        "Mahalanobis: s / t / p",
        "harmonic mean",
        "MSE, difference from autoencoder",
        "KL, nats",
        "active units",
        "speed R²",
    ]
    seeds = len({t.seed for t, _, _ in outcomes})
    machines = ", ".join(dict.fromkeys(t.machine for t, _, _ in outcomes))
    counts = next((d.recordings for d in by_mse.values()), {})
    recordings = ", ".join(f"{count} {condition}" for condition, count in counts.items())
    note = (
        f"{machines}; {seeds} {'seed' if seeds == 1 else 'seeds'}, {outcomes[0][0].epochs} epochs; "
        f"independent test recordings: {recordings or 'not counted'}; in percent, mean ± standard deviation "
        "over seeds; differences in percentage points with 95 % intervals over recordings and seeds, where "
        f"there are enough. Measured on {this_machine()}."
    )
    return "\n\n".join([table(header, rows), note, _thresholds(outcomes, names), _failures(outcomes)]).strip()


def _order() -> Any:
    position = {variant.name: i for i, variant in enumerate(variants())}
    return lambda name: position[name]


def is_total(machine: str | None, outcomes: Sequence[Outcome]) -> bool:
    """Whether a difference is that of all machines together."""
    return machine is None or len({t.machine for t, _, _ in outcomes}) == 1


def scored_systems(outcomes: Sequence[Outcome]) -> dict[str, dict[int, dict[str, LabelledScores]]]:
    """``variant:score`` to seed to machine to the scores."""
    scored: dict[str, dict[int, dict[str, LabelledScores]]] = {}
    for fit, stage, _ in outcomes:
        if isinstance(stage, StageResult):
            for score in SCORES:
                seeds = scored.setdefault(f"{fit.variant.name}:{score}", {})
                clips = attribute_groups(Corpus(stage.clips), fit.group_by) if fit.group_by else stage.clips
                seeds.setdefault(fit.seed, {})[fit.machine] = [(labels_of(clips), stage.scores[score])]
    return scored


def _means(outcomes: Sequence[Outcome], name: str) -> list[str]:
    stages = [(t, s) for t, s, _ in outcomes if t.variant.name == name and isinstance(s, StageResult)]
    if not stages:
        return ["diverged", "–", "diverged", "–"]
    cells = []
    for score in SCORES:
        overall = [
            (t.seed, evaluate_scores(s.clips, s.scores[score], intervals=False).overall) for t, s in stages
        ]
        triple = [
            fmean(100 * metric.value for _, o in overall if (metric := getattr(o, field)))
            for field in ("auc_source", "auc_target", "pauc")
        ]
        by_seed = [
            fmean(100 * o.harmonic_mean.value for s, o in overall if s == seed)
            for seed in sorted({s for s, _ in overall})
        ]
        spread = f" ± {stdev(by_seed):.1f}" if len(by_seed) > 1 else ""
        cells += [" / ".join(f"{v:.1f}" for v in triple), f"{fmean(by_seed):.1f}{spread}"]
    return cells


def difference_text(difference: Any) -> str:
    """A difference with its interval, or a dash where there is none."""
    return "–" if difference is None else interval_text(difference.difference)


def _training(outcomes: Sequence[Outcome], name: str) -> list[str]:
    facts = [f for t, _, f in outcomes if t.variant.name == name and "kl" in f]
    if not facts:
        return ["–", "–", "–"]
    collapsed = sum(f["collapsed"] for f in facts)
    note = f" ({collapsed} of {len(facts)} collapsed)" if collapsed else ""
    speed = [f["speed_r2"] for f in facts if "speed_r2" in f]
    return [
        f"{fmean(f['kl'] for f in facts):.2f}",
        f"{fmean(f['active_units'] for f in facts):.1f}{note}",
        f"{fmean(speed):.2f}" if speed else "–",
    ]


def _thresholds(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Both thresholds for the mean squared error, and the normal test clips above them."""
    rows = []
    for name in (n for n in ("autoencoder", *READINGS) if n in names):
        fits = [(s, f) for t, s, f in outcomes if t.variant.name == name and isinstance(s, StageResult)]
        values: dict[str, list[tuple[float | None, StageResult]]] = {
            "baseline": [(f["baseline_threshold"], s) for s, f in fits],
            "gamma_scipy": [(s.normal.threshold("mse").value, s) for s, _ in fits],
        }
        cells = []
        for pairs in values.values():
            known = [(value, stage) for value, stage in pairs if value is not None]
            rates = [_normal_above(stage, value) for value, stage in known]
            cells += [f"{fmean(v for v, _ in known):.1f}", f"{fmean(rates):.0f}"] if known else ["–", "–"]
        rows.append([name, *cells])
    header = [
        "variant",
        "batches: threshold",
        "normal clips above, %",
        "clips: threshold",
        "normal clips above, %",
    ]
    introduction = (
        "Thresholds for MSE at nominally 10 % false alarms, means over machines and seeds: of the gamma "
        "distribution of batch losses, as in the baseline (`--threshold-method baseline`), and of that of "
        "the scores of training clips (`gamma_scipy`); and the share of normal test clips above each:"
    )
    return f"{introduction}\n\n{table(header, rows)}"


def _normal_above(stage: StageResult, threshold: float) -> float:
    normal = np.array([clip.condition == "normal" for clip in stage.clips])
    return float(100 * np.mean(stage.scores["mse"][normal] > threshold))


def _failures(outcomes: Sequence[Outcome]) -> str:
    failed: dict[str, list[str]] = {}
    for fit, stage, _ in outcomes:
        if isinstance(stage, str):
            failed.setdefault(fit.variant.name, []).append(stage)
    if not failed:
        return ""
    lines = [
        f"- {name}: {len(messages)} fits; first error: {messages[0]}" for name, messages in failed.items()
    ]
    return "Variants that diverged:\n\n" + "\n".join(lines)
