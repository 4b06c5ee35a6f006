"""Systems from the best to the least, each with its difference from the baseline, and what detectors cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from textwrap import wrap
from typing import Any

from auscult.benchmark.differences import Difference
from auscult.evaluation import Estimate, Result, harmonic_mean


@dataclass(frozen=True)
class Ranked:
    """One system's place.

    Attributes:
        system: ``detector:score``.
        decisive: whether that score decides when none is asked for.
        harmonic_mean: over all machines, a fraction, mean over seeds; ``None`` where no seed has them all.
        deviation: its standard deviation over seeds; ``None`` for a single one.
        difference: from the baseline over all machines, paired, with its interval over clips; ``None`` for
            the baseline itself, and where there is none.
        better_on, worse_on: machines on which its harmonic mean is above, or below, the baseline's.
    """

    system: str
    decisive: bool
    harmonic_mean: float | None
    deviation: float | None
    difference: Estimate | None
    better_on: tuple[str, ...]
    worse_on: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes by their names; the difference as ``{"value", "low", "high"}``."""
        return asdict(self) | {"difference": self.difference.to_json() if self.difference else None}


@dataclass(frozen=True)
class Fit:
    """What one fit cost: seconds to fit and to score; so many clips, of so many seconds in all; file size."""

    fit_seconds: float
    score_seconds: float
    clips: int
    clip_seconds: float
    model_bytes: int


@dataclass(frozen=True)
class Cost:
    """What a detector costs, over all its fits, and what it needs.

    Attributes:
        detector: with its preset, as ``gamma_vae@report``.
        fit_seconds: of one fit, mean.
        score_milliseconds: a clip.
        real_time: seconds of sound scored in a second; ``None`` where no file tells its length.
        model_bytes: size of the model file, mean.
        needs: what fitting takes besides the recordings of one machine, in words.
    """

    detector: str
    fit_seconds: float
    score_milliseconds: float
    real_time: float | None
    model_bytes: float
    needs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes by their names."""
        return asdict(self)


def ranking(
    results: Iterable[Result],
    differences: Sequence[Difference],
    decisive: Iterable[str],
) -> list[Ranked]:
    """The systems of these results, the best first, those without all machines last.

    Args:
        results: of the systems that were run or read, the published ones left out.
        differences: of the systems from the baseline, by machine and, for several machines, of all.
        decisive: the systems that decide by default.
    """
    terms: dict[str, dict[int, dict[tuple[str, str], list[float]]]] = {}
    for r in results:
        known = [term for term in (r.auc_source, r.auc_target, r.pauc) if term is not None]
        terms.setdefault(r.column, {}).setdefault(r.seed, {})[r.machine, r.section] = known
    sections = {
        section for seeds in terms.values() for by_section in seeds.values() for section in by_section
    }
    chosen = set(decisive)
    several = len({machine for machine, _ in sections}) > 1
    found = []
    for system, seeds in terms.items():
        whole = [by_section for by_section in seeds.values() if set(by_section) == sections]
        means = [harmonic_mean([t for part in by_section.values() for t in part]) for by_section in whole]
        mine = [d for d in differences if d.system == system]
        found.append(
            Ranked(
                system,
                system in chosen,
                fmean(means) if means else None,
                stdev(means) if len(means) > 1 else None,
                next((d.difference for d in mine if not several or d.machine is None), None),
                tuple(d.machine for d in mine if d.machine and d.difference.value > 0),
                tuple(d.machine for d in mine if d.machine and d.difference.value < 0),
            )
        )
    return sorted(found, key=lambda r: -1.0 if r.harmonic_mean is None else r.harmonic_mean, reverse=True)


def costs(fits: Mapping[str, Sequence[Fit]], needs: Mapping[str, Sequence[str]]) -> list[Cost]:
    """What each detector costs.

    Args:
        fits: detector to its fits.
        needs: detector to what it needs.
    """
    found = []
    for detector, its in fits.items():
        seconds, clips = sum(f.score_seconds for f in its), sum(f.clips for f in its)
        sound = sum(f.clip_seconds for f in its)
        found.append(
            Cost(
                detector,
                fmean(f.fit_seconds for f in its),
                1000 * seconds / clips,
                sound / seconds if sound else None,
                fmean(f.model_bytes for f in its),
                tuple(needs[detector]),
            )
        )
    return found


def ranking_text(ranked: Sequence[Ranked], baseline: str) -> str:
    """Lines for a terminal of 100 columns; without differences where the baseline was not run."""
    compared = any(r.system == baseline for r in ranked)
    head = ("", "system", "mean", *((f"from {baseline}", "better/worse") if compared else ("", "")))
    rows = [head]
    for place, r in enumerate(ranked, start=1):
        mean = "–" if r.harmonic_mean is None else f"{100 * r.harmonic_mean:.1f}"
        mean += f" ± {100 * r.deviation:.1f}" if r.deviation is not None else ""
        told, counts = "–" if compared else "", ""
        if r.system == baseline:
            told = "baseline"
        elif r.difference is not None:
            told, counts = interval_text(r.difference), f"{len(r.better_on)}/{len(r.worse_on)}"
        rows.append((f"{place}{'*' if r.decisive else ' '}", r.system, mean, told, counts))
    width = max(len(system) for _, system, *_ in rows)
    with_baseline = [
        "Systems by harmonic mean, in percent; difference from the baseline on the same clips, in",
        "points, with its 95 % interval over clips; machines on which it is better and worse.",
    ]
    without = [f"Systems by harmonic mean, in percent; without {baseline} there is none to compare with."]
    return "\n".join(
        [
            *(with_baseline if compared else without),
            "*: decides unless another score is chosen.",
            *(
                f"{place:>4} {system:<{width}}  {mean:<11} {difference:<24} {counts}".rstrip()
                for place, system, mean, difference, counts in rows
            ),
        ]
    )


def costs_text(found: Sequence[Cost]) -> str:
    """Lines for a terminal."""
    width = max(len("detector"), *(len(c.detector) for c in found))
    lines = [
        f"     {'detector':<{width}}  {'fit':>9}  {'score a clip':>12}  {'× real time':>11}  {'model':>8}"
    ]
    for c in found:
        speed = "–" if c.real_time is None else f"{c.real_time:.0f}"
        figures = f"{c.fit_seconds:>7.1f} s  {c.score_milliseconds:>9.1f} ms  {speed:>11}"
        lines.append(f"     {c.detector:<{width}}  {figures}  {c.model_bytes / 1e6:>5.1f} MB")
    for need in dict.fromkeys(need for c in found for need in c.needs):
        who = ", ".join(c.detector for c in found if need in c.needs)
        lines += wrap(f"{need}: {who}", 100, initial_indent="To fit takes ", subsequent_indent="     ")
    head = "Time of one fit, cross-fitting included where no network is trained, and of a clip, from files:"
    return "\n".join([head, *lines])


def interval_text(difference: Estimate) -> str:
    """A difference of fractions in points: ``+16.5 [+13.3, +20.7]``."""
    said = f"{100 * difference.value:+.1f}"
    if difference.low is None or difference.high is None:
        return said
    return f"{said} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
