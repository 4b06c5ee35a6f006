"""The tables of `bench.promise`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from auscult.evaluation.decision_rates import clustered_rate
from auscult.evaluation.intervals import Estimate
from bench.markdown import table
from bench.promise_candidates import CANDIDATES, FORMER, USED, exceeding, largest_over_domains
from bench.promise_cases import IN_TRAINING, OTHER_CONDITIONS
from bench.promise_decision import Decision, Measured, Results, alarm_rates, is_admissible
from bench.promise_scores import MAX_FOLDS, PromiseMachine

#: Rates at which pooled calibration is compared with that by domain.
DOMAIN_RATES = (0.05, 0.10, 0.20)


def rate_text(rate: Estimate) -> str:
    """In percent with its interval: ``6 [1, 20]``."""
    ends = "" if rate.low is None or rate.high is None else f" [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
    return f"{100 * rate.value:.0f}{ends}"


def promise_table(machines: Sequence[PromiseMachine], results: Results) -> str:
    """False-alarm rates on the test normals of each machine, domain and case, with five folds and now."""
    rows = []
    for machine in machines:
        for (domain, case), mask in machine.groups.items():
            recordings = len(np.unique(machine.recordings[mask]))
            of_group = [results[name][machine.name].false_alarms[domain, case] for name in (FORMER, USED)]
            counts = f"{mask.sum()} of {recordings}"
            rows.append([machine.name, domain, case, counts, "5", *map(rate_text, of_group)])
    return table(
        [
            "machine",
            "domain",
            "test normals",
            "clips of recordings",
            "promised, %",
            "measured before",
            "measured after",
        ],
        rows,
    )


def detection_table(machines: Sequence[PromiseMachine], results: Results) -> str:
    """Detection rates of each machine with five folds and now, and their means."""

    def cells(measured: Sequence[Measured], key: str) -> list[float]:
        return [m.detection[key] if key != "mean" else m.mean_detection for m in measured]

    rows, keys = [], ("source", "target", "mean")
    for machine in machines:
        of_machine = [results[name][machine.name] for name in (FORMER, USED)]
        rows.append([machine.name, *(f"{v:.0f}" for key in keys for v in cells(of_machine, key))])
    means = []
    for key in keys:
        for name in (FORMER, USED):
            means.append(fmean(cells([results[name][m.name] for m in machines], key)))
    rows.append(["mean", *(f"{mean:.0f}" for mean in means)])
    header = [f"{key} {when}" for key in keys for when in ("before", "after")]
    return table(["machine", *header], rows)


def worst_fit(
    machines: Sequence[PromiseMachine], candidate: str, detectors: Sequence[str], seeds: Sequence[int]
) -> float:
    """The largest false-alarm rate of one detector and seed on a group whose units are in training."""
    return max(
        float(alarm_rates(machine, candidate, [detector], [seed])[mask].mean())
        for machine in machines
        for detector in detectors
        for seed in seeds
        for (_, case), mask in machine.groups.items()
        if case in (IN_TRAINING, OTHER_CONDITIONS)
    )


def candidates_table(
    real: Results, simulated: Results, decision: Decision, worst: Mapping[str, float]
) -> str:
    """Every candidate: detection on each real machine, and false alarms where units are in training.

    Args:
        real: what was measured on the real machines.
        simulated: what was measured on the simulated machines.
        decision: the decision.
        worst: candidate to its `worst_fit`.
    """
    rows, machines = [], list(real[FORMER])
    for candidate in CANDIDATES:
        of_candidate = real[candidate]
        promised = [
            rate.value
            for m in machines
            for (_, case), rate in of_candidate[m].false_alarms.items()
            if case in (IN_TRAINING, OTHER_CONDITIONS)
        ]
        broken = sum(len(of_candidate[m].broken) for m in machines)
        of_simulated = [
            rate.value
            for measured in simulated[candidate].values()
            for (domain, _), rate in measured.false_alarms.items()
            if domain == "source"
        ]
        rows.append(
            [
                f"**{candidate}**" if candidate == decision.candidate else candidate,
                *(f"{of_candidate[m].mean_detection:.0f}" for m in machines),
                f"{fmean(of_candidate[m].mean_detection for m in machines):.1f}",
                f"{100 * fmean(promised):.1f} ({broken} of {len(promised)})",
                f"{100 * worst[candidate]:.0f}",
                "–" if np.isnan(of_simulated).any() else f"{100 * fmean(of_simulated):.1f}",
                "yes" if is_admissible(candidate, real, simulated, machines) else "no",
                ", ".join(m for m, chosen in decision.left_out.items() if chosen == candidate) or "–",
            ]
        )
    header = [
        "candidate",
        *machines,
        "mean detection, %",
        "false alarms, units in training, % (groups above 5 %)",
        "worst single fit, %",
        "simulated, source, %",
        "admissible",
        "chosen without",
    ]
    return table(header, rows)


def domains_table(machines: Sequence[PromiseMachine], detectors: Sequence[str], seeds: Sequence[int]) -> str:
    """Pooled calibration beside the largest p-value over domains, where there are enough recordings."""
    rows = []
    for machine in machines:
        for rate in DOMAIN_RATES:
            scores = [machine.held_out(d, seed, MAX_FOLDS) for d in detectors for seed in seeds]
            largest = [largest_over_domains(s, rate) for s in scores]
            known = [alarms for alarms in largest if alarms is not None]
            if len(known) < len(largest):
                continue
            pooled = [exceeding(s.test, s.normal, rate) for s in scores]
            of_domain = [
                len(np.unique(scores[0].recordings[t])) for t in (~scores[0].target, scores[0].target)
            ]
            cells = []
            for alarms in (np.mean(pooled, axis=0), np.mean(known, axis=0)):
                for mask in (~machine.target, machine.target):
                    normal = mask & ~machine.anomaly
                    cells.append(rate_text(clustered_rate(alarms[normal], machine.recordings[normal])))
                cells.append(f"{100 * alarms[machine.anomaly].mean():.0f}")
            rows.append([machine.name, "{} + {}".format(*of_domain), f"{100 * rate:.0f}", *cells])
    header = ["machine", "training recordings, source + target", "promised, %"]
    for which in ("pooled", "largest"):
        header += [f"{which}: false alarms source", "target", "detected"]
    return table(header, rows)
