"""The charts of a benchmark: ROC curves, score histograms, training curves and latent spaces."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from auscult.corpus import Clip
from auscult.evaluation import auc, roc_curve
from auscult.report.bench_data import StageData
from auscult.report.chart import Axis, Chart, Figure, Mark

_FAINT_SEEDS = 4  # maximum number of seeds drawn besides the first
_BINS = 24
_KINDS = ("normal", "anomaly")


def section_masks(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Return an (N,) bool mask of the labelled clips for each section, by name.

    The name is empty if there is only one section.
    """
    labelled = np.array([clip.condition is not None for clip in clips])
    names = list(dict.fromkeys(clip.section for clip in clips))
    masks = {
        (name or "no section") if len(names) > 1 else "": labelled & [clip.section == name for clip in clips]
        for name in names
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def roc_figure(seeds: Sequence[StageData], section: str) -> Figure | None:
    """Return the ROC curves of one detector on one machine and section, a line for each score.

    Args:
        seeds: the stages of one machine and detector; the first is drawn solid, others faint.
        section: the name of the section, as in `section_masks`.

    Returns:
        The figure, or ``None`` if the section has no normal clips or no anomalies.
    """
    first = seeds[0]
    mask = section_masks(first.clips)[section]
    labels = _is_anomaly(first.clips)[mask]
    if labels.all() or not labels.any():
        return None
    caption = ", ".join(filter(None, [first.detector, section and f"section {section}"]))
    marks = [Mark("line", "s5 faint", "chance", [(0, 0), (1, 1)])]
    legend = []
    for series, score in enumerate(first.scores):
        aucs = []
        for index, stage in enumerate(seeds):
            stage_mask = section_masks(stage.clips).get(section)
            if stage_mask is None or score not in stage.scores:
                continue
            labels, values = _is_anomaly(stage.clips)[stage_mask], stage.scores[score][stage_mask]
            aucs.append(auc(labels, values))
            if index <= _FAINT_SEEDS:
                fpr, tpr, _ = roc_curve(labels, values)
                name = f"{score}, seed {stage.seed}: AUC {100 * aucs[-1]:.1f} %"
                marks.append(Mark("line", _style(series, index), name, list(zip(fpr, tpr, strict=True))))
        legend.append(Mark("line", _style(series), f"{score}: AUC {100 * fmean(aucs):.1f} %"))
    x, y = Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1)
    alt = f"ROC curves of {first.detector} on {first.machine} {section}".strip() + ": see the legend"
    return Figure(caption, [("", Chart(x, y, marks, alt))], legend)


def histogram_figure(stage: StageData, score: str, section: str) -> Figure:
    """Return histograms of one score by condition, a chart for each domain, with the threshold."""
    mask = section_masks(stage.clips)[section]
    values, threshold = stage.scores[score], stage.thresholds.get(score)
    limit = threshold.value if threshold else None
    shown = [*values[mask], *([limit] if limit is not None else [])]
    positive = min(shown) > 0
    x = Axis.around(f"{score} score", shown, log=positive and max(shown) > 20 * min(shown), margin=0.02)
    edges = (np.geomspace if x.log else np.linspace)(x.low, x.high, _BINS + 1)
    domains = {clip.domain for clip, selected in zip(stage.clips, mask, strict=True) if selected}
    charts: list[tuple[str, Chart | None]] = []
    for domain in [d for d in ("source", "target", None) if d in domains]:
        in_domain = mask & [clip.domain == domain for clip in stage.clips]
        by_kind = {kind: values[in_domain & [c.condition == kind for c in stage.clips]] for kind in _KINDS}
        normal, anomaly = map(len, by_kind.values())
        heights = {
            kind: 100 * np.histogram(kind_values.clip(edges[0], edges[-1]), bins=edges)[0] / len(kind_values)
            for kind, kind_values in by_kind.items()
            if len(kind_values)
        }
        marks = [
            Mark("steps", kind, points=list(zip(edges.repeat(2), [0, *bars.repeat(2), 0], strict=True)))
            for kind, bars in heights.items()
        ]
        y = Axis("% of clips", 0, 1.15 * (max(float(bars.max()) for bars in heights.values()) or 1.0))
        domain_name = f"{domain} domain" if domain else "all clips"
        alt = f"{score} scores of {stage.detector} on {f'{stage.machine} {section}'.strip()}, {domain_name}: "
        chart = Chart(x, y, marks, alt + f"{normal} normal and {anomaly} anomalous clips", limit, 170)
        charts.append((f"{domain_name}: {normal} normal, {anomaly} anomalous", chart))
    caption = ", ".join(
        filter(None, [f"{stage.detector}:{score}", section and f"section {section}", f"seed {stage.seed}"])
    )
    if limit is None:
        charts.append(("no threshold", None))
    return Figure(caption, charts, [Mark("steps", kind, kind) for kind in _KINDS])


def training_figures(seeds: Sequence[tuple[StageData, Sequence[Mapping[str, Any]]]]) -> list[Figure]:
    """Return charts of the losses over the epochs, and of the KL divergence of variational networks.

    Args:
        seeds: the stages of one machine and detector, each with the means of every epoch.
    """
    (first, history), shown = seeds[0], seeds[: 1 + _FAINT_SEEDS]
    x = Axis("epoch", 1, max(2, *(len(h) for _, h in shown)))
    figures = []
    for label, keys in {"loss": ("loss", "validation", "reconstruction"), "KL [nats]": ("kl",)}.items():
        names: list[str] = []
        marks: list[Mark] = []
        legend: list[Mark] = []
        for key in keys:
            curves = [[float(epoch.get(key, math.nan)) for epoch in h] for _, h in shown]
            if not np.isfinite(np.concatenate(curves)).any():
                continue
            for index, ((stage, _), curve) in enumerate(zip(shown, curves, strict=True)):
                points = list(enumerate(curve, start=1))
                marks.append(Mark("line", _style(len(names), index), f"{key}, seed {stage.seed}", points))
            last = f"{curves[0][-1]:.4g}" if math.isfinite(curves[0][-1]) else "–"
            legend.append(Mark("line", _style(len(names)), f"{key}: {last} at the end"))
            names.append(key)
        if not names:
            continue
        y = Axis.around(label, [value for mark in marks for _, value in mark.points], log=label == "loss")
        alt = f"{', '.join(names)} of {first.detector} on {first.machine} over {len(history)} epochs"
        note = "" if label == "loss" else _active_units(history)
        figures.append(Figure(f"{first.detector}, {label}", [("", Chart(x, y, marks, alt))], legend, note))
    return figures


def latent_figure(stage: StageData, clips: Sequence[Clip], codes: np.ndarray) -> Figure:
    """Return a scatter chart of the first two principal components of the latent codes of clips.

    Args:
        stage: the fitted detector.
        clips: the N clips, which set colour (condition) and shape (domain).
        codes: (N, 2 · latents) logarithms of shape and scale, averaged over the windows of each clip.
    """
    left, singular_values, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    components = left[:, :2] * singular_values[:2]
    explained = singular_values[:2] ** 2 / max(float(np.sum(singular_values**2)), np.finfo(float).tiny)
    axes = [
        Axis.around(f"component {i + 1} ({100 * explained[i]:.0f} % of variance)", components[:, i])
        for i in range(2)
    ]
    alt = f"Latent codes of {len(clips)} test clips by {stage.detector} on {stage.machine}"
    marks = []
    for condition in ("anomaly", "normal"):
        for domain in ("source", "target", None):
            mask = [c.condition == condition and c.domain == domain for c in clips]
            if any(mask):
                shape = "triangle" if domain == "target" else "circle"
                name = " ".join(filter(None, [condition, domain]))
                marks.append(Mark(shape, condition, name, [(x, y) for x, y in components[mask]]))
    chart = Chart(axes[0], axes[1], marks, alt, height=280)
    return Figure(f"{stage.detector}, seed {stage.seed}", [("", chart)], marks)


def _is_anomaly(clips: Sequence[Clip]) -> np.ndarray:
    return np.array([clip.condition == "anomaly" for clip in clips])


def _style(series: int, index: int = 0) -> str:
    """The style of a series; those of other seeds than the first are faint."""
    return f"s{series % 6}" + (" faint" if index else "")


def _active_units(history: Sequence[Mapping[str, Any]]) -> str:
    """The number of active latent units after training, and the KL divergence of each."""
    last = history[-1]
    if "active_units" not in last:
        return ""
    kl_values = ", ".join(f"{float(v):.2g}" for v in last.get("kl_per_dimension", []))
    total = f" of {len(last['kl_per_dimension'])}" if kl_values else ""
    note = f"Active latent units at the end: {last['active_units']:.0f}{total}."
    return note + (f" KL divergence per unit: {kl_values}." if kl_values else "")
