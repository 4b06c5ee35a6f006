"""The ranking of systems with their differences from the baseline, and the costs of detectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from textwrap import wrap
from typing import Any

from auscult.benchmark.differences import Difference, SystemMean
from auscult.evaluation import Estimate, Result, harmonic_mean


@dataclass(frozen=True)
class RankedSystem:
    """A system of the ranking.

    Attributes:
        system: ``detector:score``.
        decisive: whether the score is the detector's default score.
        harmonic_mean: harmonic mean over all machines, averaged over seeds, as a fraction; ``None`` if no
            seed has results for all machines.
        deviation: standard deviation of the harmonic mean over seeds; ``None`` for a single seed.
        interval: 95 % interval of the harmonic mean; ``None`` if there is none.
        difference: difference from the baseline over all machines on the same recordings, with its interval;
            ``None`` for the baseline itself and without a baseline.
        better_on: machines where the system's harmonic mean is above that of the baseline.
        worse_on: machines where it is below.
    """

    system: str
    decisive: bool
    harmonic_mean: float | None
    deviation: float | None
    interval: tuple[float, float] | None
    difference: Estimate | None
    better_on: tuple[str, ...]
    worse_on: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes by name; the difference as ``{"value", "low", "high"}``."""
        return asdict(self) | {"difference": self.difference.to_json() if self.difference else None}


@dataclass(frozen=True)
class FitCost:
    """The cost of one fit.

    Attributes:
        fit_seconds: time to fit.
        score_seconds: time to score the test clips.
        clips: number of test clips.
        clip_seconds: total duration of the test clips; 0 if unknown.
        model_bytes: size of the model file.
    """

    fit_seconds: float
    score_seconds: float
    clips: int
    clip_seconds: float
    model_bytes: int


@dataclass(frozen=True)
class DetectorCost:
    """The cost of a detector over all its fits, and its requirements.

    Attributes:
        detector: the detector, with its preset as in ``gamma_vae@report``.
        fit_seconds: mean time of one fit.
        score_milliseconds: mean time to score a clip.
        real_time: seconds of sound scored per second; ``None`` if the durations of the files are unknown.
        model_bytes: mean size of the model file.
        needs: what fitting requires besides the recordings of one machine, as text.
    """

    detector: str
    fit_seconds: float
    score_milliseconds: float
    real_time: float | None
    model_bytes: float
    needs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


def ranking(
    results: Iterable[Result],
    differences: Sequence[Difference],
    decisive: Iterable[str],
    means: Sequence[SystemMean] = (),
) -> list[RankedSystem]:
    """Ranks the systems: the best first, those without results for all machines last.

    Args:
        results: results of the systems that were run or read, without published ones.
        differences: differences of the systems from the baseline, for each machine and, if there are
            several, for all machines together.
        decisive: the systems whose score is the detector's default score.
        means: means of the systems, likewise, for their intervals.
    """
    terms: dict[str, dict[int, dict[tuple[str, str], list[float]]]] = {}
    for r in results:
        available = [term for term in (r.auc_source, r.auc_target, r.pauc) if term is not None]
        terms.setdefault(r.column, {}).setdefault(r.seed, {})[r.machine, r.section] = available
    sections = {
        section for by_seed in terms.values() for by_section in by_seed.values() for section in by_section
    }
    decisive_systems = set(decisive)
    several_machines = len({machine for machine, _ in sections}) > 1
    systems = []
    for system, by_seed in terms.items():
        complete = [by_section for by_section in by_seed.values() if set(by_section) == sections]
        of_seeds = [
            harmonic_mean([term for section_terms in by_section.values() for term in section_terms])
            for by_section in complete
        ]
        compared = [d for d in differences if d.system == system]
        of_all = [m.mean for m in means if m.system == system and (m.machine is None) == several_machines]
        systems.append(
            RankedSystem(
                system,
                system in decisive_systems,
                fmean(of_seeds) if of_seeds else None,
                stdev(of_seeds) if len(of_seeds) > 1 else None,
                next(((m.low, m.high) for m in of_all if m.low is not None and m.high is not None), None),
                next((d.difference for d in compared if not several_machines or d.machine is None), None),
                tuple(d.machine for d in compared if d.machine and d.difference.value > 0),
                tuple(d.machine for d in compared if d.machine and d.difference.value < 0),
            )
        )
    return sorted(systems, key=lambda r: -1.0 if r.harmonic_mean is None else r.harmonic_mean, reverse=True)


def costs(fits: Mapping[str, Sequence[FitCost]], needs: Mapping[str, Sequence[str]]) -> list[DetectorCost]:
    """Averages the costs of the fits of each detector.

    Args:
        fits: detector to the costs of its fits.
        needs: detector to what fitting it requires.
    """
    detector_costs = []
    for detector, fit_costs in fits.items():
        score_seconds = sum(f.score_seconds for f in fit_costs)
        clips, clip_seconds = sum(f.clips for f in fit_costs), sum(f.clip_seconds for f in fit_costs)
        detector_costs.append(
            DetectorCost(
                detector,
                fmean(f.fit_seconds for f in fit_costs),
                1000 * score_seconds / clips,
                clip_seconds / score_seconds if clip_seconds else None,
                fmean(f.model_bytes for f in fit_costs),
                tuple(needs[detector]),
            )
        )
    return detector_costs


def ranking_text(
    ranked: Sequence[RankedSystem], baseline: str, differences: Sequence[Difference] = ()
) -> str:
    """The ranking as text for a terminal of 100 columns; without differences if the baseline has no results.

    Args:
        ranked: the systems.
        baseline: the system that differences are from.
        differences: for what the intervals rest on, and the reasons of missing ones.
    """
    has_baseline = any(r.system == baseline for r in ranked)
    header = ("", "system", "mean", "", *((f"from {baseline}", "machines") if has_baseline else ("", "")))
    rows = [header]
    for rank, r in enumerate(ranked, start=1):
        mean = "–" if r.harmonic_mean is None else f"{100 * r.harmonic_mean:.1f}"
        mean += f" ± {100 * r.deviation:.1f}" if r.deviation is not None else ""
        interval = f"[{100 * r.interval[0]:.0f}, {100 * r.interval[1]:.0f}]" if r.interval else ""
        difference, counts = "–" if has_baseline else "", ""
        if r.system == baseline:
            difference = "baseline"
        elif r.difference is not None:
            difference, counts = interval_text(r.difference), f"{len(r.better_on)}/{len(r.worse_on)}"
        rows.append((f"{rank}{'*' if r.decisive else ' '}", r.system, mean, interval, difference, counts))
    width = max(len(system) for _, system, *_ in rows)
    if has_baseline:
        legend = [
            "Systems by harmonic mean in percent; difference from the baseline on the same recordings, in",
            "percentage points; number of machines better/worse. In brackets: 95 % intervals over recordings",
            "and seeds.",
        ]
    else:
        legend = [
            f"Systems by harmonic mean in percent; no differences, since {baseline} has no results.",
            "In brackets: 95 % intervals over recordings and seeds.",
        ]
    return "\n".join(
        [
            *legend,
            "* the detector's default score.",
            *(
                f"{rank:>4} {system:<{width}}  {mean:<11} {interval:<9} {difference:<21} {counts}".rstrip()
                for rank, system, mean, interval, difference, counts in rows
            ),
            *dict.fromkeys(interval_notes(differences)),
        ]
    )


def interval_notes(differences: Sequence[Difference]) -> list[str]:
    """What intervals do not count, and why they are missing, each as a sentence, once."""
    notes = []
    if single := sorted({d.system for d in differences if d.seeds[0] == 1}):
        notes.append(f"One seed, so that other seeds are not counted: {', '.join(single)}.")
    if any(d.seeds[1] == 1 for d in differences):
        notes.append(f"One seed of the baseline {differences[0].baseline}.")
    reasons = [
        f"{d.machine or 'all machines'}: {d.difference.note}." for d in differences if d.difference.note
    ]
    return [*notes, *dict.fromkeys(reasons)]


def costs_text(detector_costs: Sequence[DetectorCost]) -> str:
    """The costs as text for a terminal of 100 columns."""
    width = max(len("detector"), *(len(c.detector) for c in detector_costs))
    lines = [
        f"     {'detector':<{width}}  {'fit':>9}  {'score a clip':>12}  {'× real time':>11}  {'model':>8}"
    ]
    for c in detector_costs:
        speed = "–" if c.real_time is None else f"{c.real_time:.0f}"
        figures = f"{c.fit_seconds:>7.1f} s  {c.score_milliseconds:>9.1f} ms  {speed:>11}"
        lines.append(f"     {c.detector:<{width}}  {figures}  {c.model_bytes / 1e6:>5.1f} MB")
    for need in dict.fromkeys(need for c in detector_costs for need in c.needs):
        detectors = ", ".join(c.detector for c in detector_costs if need in c.needs)
        lines += wrap(f"{need}: {detectors}", 100, initial_indent="Fitting needs ", subsequent_indent="     ")
    legend = [
        "Mean time to fit a model and to score a clip, including reading the files; fitting a detector that",
        "trains no network includes cross-fitting:",
    ]
    return "\n".join([*legend, *lines])


def interval_text(difference: Estimate) -> str:
    """A difference of fractions in percentage points, with its interval: ``+16.5 [+13.3, +20.7]``."""
    value = f"{100 * difference.value:+.1f}"
    if difference.low is None or difference.high is None:
        return value
    return f"{value} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
