"""From the fits of `bench.reproduction` to the tables of docs/reproduction.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from auscult.benchmark.differences import Scored, differences
from auscult.benchmark.stage import Stage
from auscult.evaluation import evaluate_scores, labels_of
from bench.markdown import table, this_machine, write_section
from bench.readings import Task, variants

Outcome = tuple[Task, "Stage | str", dict[str, Any]]
SCORES = ("mse", "mahalanobis")


def write_tables(outcomes: Sequence[Outcome]) -> None:
    """Writes the section of every data set that was run."""
    for data in dict.fromkeys(task.data for task, _, _ in outcomes):
        part = [outcome for outcome in outcomes if outcome[0].data == data]
        write_section("reproduction.md", f"bench.reproduction {data}", _section(part))


def _section(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(sorted((t.variant.name for t, _, _ in outcomes), key=_order(outcomes))))
    scored = _scored(outcomes)
    mse = {k: v for k, v in scored.items() if k.endswith(":mse")}
    by_mse = {d.system: d for d in differences(mse, "autoencoder:mse") if _is_whole(d.machine, outcomes)}
    rows = [
        [name, *_means(outcomes, name), _difference(by_mse.get(f"{name}:mse")), *_training(outcomes, name)]
        for name in names
    ]
    header = [
        "reading",
        "MSE: s / t / p",
        "harmonic mean",
        "Mahalanobis: s / t / p",
        "harmonic mean",
        "MSE less autoencoder's",
        "KL, nats",
        "active units",
        "speed R²",
    ]
    seeds = len({t.seed for t, _, _ in outcomes})
    machines = ", ".join(dict.fromkeys(t.machine for t, _, _ in outcomes))
    epochs = outcomes[0][0].epochs
    note = (
        f"{machines}; {seeds} seeds, {epochs} epochs; in percent, mean ± standard deviation over seeds; the "
        f"difference in points with its 95 % interval over clips. Measured on {this_machine()}."
    )
    return "\n\n".join([table(header, rows), note, _claims(scored, outcomes), _failures(outcomes)]).strip()


def _order(outcomes: Sequence[Outcome]) -> Any:
    place = {variant.name: i for i, variant in enumerate(variants())}
    return lambda name: place[name]


def _is_whole(machine: str | None, outcomes: Sequence[Outcome]) -> bool:
    return machine is None or len({t.machine for t, _, _ in outcomes}) == 1


def _scored(outcomes: Sequence[Outcome]) -> dict[str, dict[int, dict[str, Scored]]]:
    scored: dict[str, dict[int, dict[str, Scored]]] = {}
    for task, stage, _ in outcomes:
        if isinstance(stage, Stage):
            for score in SCORES:
                seeds = scored.setdefault(f"{task.variant.name}:{score}", {})
                seeds.setdefault(task.seed, {})[task.machine] = [
                    (labels_of(stage.clips), stage.scores[score])
                ]
    return scored


def _means(outcomes: Sequence[Outcome], name: str) -> list[str]:
    stages = [(t, s) for t, s, _ in outcomes if t.variant.name == name and isinstance(s, Stage)]
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
            fmean(100 * o.harmonic_mean.value for seed, o in overall if seed == one)
            for one in sorted({seed for seed, _ in overall})
        ]
        spread = f" ± {stdev(by_seed):.1f}" if len(by_seed) > 1 else ""
        cells += [" / ".join(f"{v:.1f}" for v in triple), f"{fmean(by_seed):.1f}{spread}"]
    return cells


def _difference(found: Any) -> str:
    if found is None:
        return "–"
    d = found.difference
    return f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"


def _training(outcomes: Sequence[Outcome], name: str) -> list[str]:
    facts = [f for t, _, f in outcomes if t.variant.name == name and "kl" in f]
    if not facts:
        return ["–", "–", "–"]
    collapsed = sum(f["collapsed"] for f in facts)
    told = f" ({collapsed} of {len(facts)} collapsed)" if collapsed else ""
    speed = [f["speed_r2"] for f in facts if "speed_r2" in f]
    return [
        f"{fmean(f['kl'] for f in facts):.2f}",
        f"{fmean(f['active_units'] for f in facts):.1f}{told}",
        f"{fmean(speed):.2f}" if speed else "–",
    ]


def _claims(scored: dict[str, dict[int, dict[str, Scored]]], outcomes: Sequence[Outcome]) -> str:
    """The report's one claim that holds in its own table: AUC-target by Mahalanobis above the baseline's."""
    lines = [
        "The report's comparison, gamma VAE less autoencoder, both by selective Mahalanobis distance:",
        "",
    ]
    compared = ("autoencoder:mahalanobis", "seed:mahalanobis", "exact:mahalanobis")
    few = {system: scored[system] for system in compared if system in scored}
    for metric in ("auc_source", "auc_target", "pauc", "harmonic_mean"):
        lines += [
            f"- `{d.system.partition(':')[0]}`, {metric}: {_difference(d)} points"
            for d in differences(few, compared[0], metric=metric)
            if _is_whole(d.machine, outcomes)
        ]
    return "\n".join(lines)


def _failures(outcomes: Sequence[Outcome]) -> str:
    failed: dict[str, list[str]] = {}
    for task, stage, _ in outcomes:
        if isinstance(stage, str):
            failed.setdefault(task.variant.name, []).append(stage)
    if not failed:
        return ""
    lines = [f"- {name}: {len(messages)} fits; the first: {messages[0]}" for name, messages in failed.items()]
    return "Readings that diverged:\n\n" + "\n".join(lines)
