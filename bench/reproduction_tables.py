"""The tables of `bench.reproduction` in docs/reproduction.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from auscult.benchmark.differences import LabelledScores, differences
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import StageResult
from auscult.evaluation import evaluate_scores, labels_of
from bench.markdown import table, this_machine, write_section
from bench.reproduction_variants import VariantFit, variants

Outcome = tuple[VariantFit, "StageResult | str", dict[str, Any]]
SCORES = ("mse", "mahalanobis")


def write_tables(outcomes: Sequence[Outcome]) -> None:
    """Write the section of each data set that was run."""
    for data in dict.fromkeys(fit.data for fit, _, _ in outcomes):
        part = [outcome for outcome in outcomes if outcome[0].data == data]
        write_section("reproduction.md", f"bench.reproduction {data}", _section(part))


def _section(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(sorted((t.variant.name for t, _, _ in outcomes), key=_order(outcomes))))
    scored = _scored(outcomes)
    mse = {k: v for k, v in scored.items() if k.endswith(":mse")}
    by_mse = {d.system: d for d in differences(mse, "autoencoder:mse") if _is_total(d.machine, outcomes)}
    rows = [
        [name, *_means(outcomes, name), _difference(by_mse.get(f"{name}:mse")), *_training(outcomes, name)]
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
    epochs = outcomes[0][0].epochs
    note = (
        f"{machines}; {seeds} seeds, {epochs} epochs; in percent, mean ± standard deviation over seeds; "
        "differences in percentage points with 95 % intervals over clips. Measured on "
        f"{this_machine()}."
    )
    return "\n\n".join([table(header, rows), note, _claims(scored, outcomes), _failures(outcomes)]).strip()


def _order(outcomes: Sequence[Outcome]) -> Any:
    position = {variant.name: i for i, variant in enumerate(variants())}
    return lambda name: position[name]


def _is_total(machine: str | None, outcomes: Sequence[Outcome]) -> bool:
    return machine is None or len({t.machine for t, _, _ in outcomes}) == 1


def _scored(outcomes: Sequence[Outcome]) -> dict[str, dict[int, dict[str, LabelledScores]]]:
    scored: dict[str, dict[int, dict[str, LabelledScores]]] = {}
    for fit, stage, _ in outcomes:
        if isinstance(stage, StageResult):
            for score in SCORES:
                seeds = scored.setdefault(f"{fit.variant.name}:{score}", {})
                seeds.setdefault(fit.seed, {})[fit.machine] = [(labels_of(stage.clips), stage.scores[score])]
    return scored


def _means(outcomes: Sequence[Outcome], name: str) -> list[str]:
    stages = [(t, s) for t, s, _ in outcomes if t.variant.name == name and isinstance(s, StageResult)]
    if not stages:
        return ["diverged", "–", "diverged", "–"]
    cells = []
    for score in SCORES:
        overall = [
            (t.seed, evaluate_scores(s.clips, s.scores[score], resamples=0).overall) for t, s in stages
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


def _difference(difference: Any) -> str:
    if difference is None:
        return "–"
    d = difference.difference
    return interval_text(d)


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


def _claims(scored: dict[str, dict[int, dict[str, LabelledScores]]], outcomes: Sequence[Outcome]) -> str:
    """The report's main comparison: it claims a higher AUC-target by Mahalanobis than the baseline's."""
    lines = [
        "The report's comparison: gamma VAE minus autoencoder, both by selective Mahalanobis distance:",
        "",
    ]
    compared = ("autoencoder:mahalanobis", "report:mahalanobis", "exact:mahalanobis")
    few = {system: scored[system] for system in compared if system in scored}
    for metric in ("auc_source", "auc_target", "pauc", "harmonic_mean"):
        lines += [
            f"- `{d.system.partition(':')[0]}`, {metric}: {_difference(d)} points"
            for d in differences(few, compared[0], metric=metric)
            if _is_total(d.machine, outcomes)
        ]
    return "\n".join(lines)


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
