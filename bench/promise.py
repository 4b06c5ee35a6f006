"""Measure the promise of thresholds on all real machines, and decide how held-out scores become thresholds.

    python -m bench.promise -o results/promise [--detectors auto,…] [--print]

The real machines are those of ``AUSCULT_REAL_DATA``; simulated ones are a guard. The held-out scores of the
training clips, and the scores of the test clips by the final model and by all fold models, are computed once
for each machine, detector, seed and number of folds, and stored (delete the folder to measure changed code).
The candidates (`bench.promise_candidates`) make decisions of them: five folds, as many folds as independent
recordings up to 50, that with a correction for the smaller training sets of the fold models, that without
recordings that are alone in their domain, and jackknife+.

Detectors are those that train no network; networks keep five folds. The promised false-alarm rate is 5 %. The
detection rate of a candidate on a machine is the mean of those of the source and of the target domain, over
detectors and seeds. Test normals are of three cases (`bench.promise_cases`): their unit and condition are in
the training data, their unit is in it under other conditions, or they are of other units.

The rule was fixed before any candidate was evaluated:

1. A candidate breaks the promise on a group, which is the normal test clips of one case, domain and machine,
   if the 95 % interval of its false-alarm rate, clustered by recording, is above 5 %. The rate of a clip is
   the mean over detectors and seeds. Groups of other units do not count, since nobody can promise anything
   about them. A candidate is admissible on some machines if it breaks the promise on no group of theirs on
   which five folds keep it, and on no simulated machine in the source domain, where training and test clips
   are independent and alike.
2. Leave each real machine out in turn. Of the candidates that are admissible on the other real machines, find
   the highest mean detection rate there. Choose the simplest of those within one point of it: the one that is
   listed first. Jackknife+ must in addition be 10 points above every other admissible candidate: it needs all
   fold models when a recording is scored, so that the model is as many times as large and cannot be exported.
3. The default is what rule 2 chooses on all real machines together, provided that the mean detection rate
   over the machines left out, each by what was chosen without it, is above that of five folds. Otherwise five
   folds stay.

Outcome: on the default detector `auto` the rule chooses the scores without recordings that are alone in their
domain. On all detectors together it chooses these with the correction, which detects two points more. The
correction is not used: the rule averages false alarms over seeds and has no interval for groups of fewer than
five recordings, so that it does not see that the correction alone made alarms of all normal test clips of a
machine with one of three seeds (the column ``worst single fit``, which was added after the evaluation).
Jackknife+ is not measured on simulated machines, where fifty fold models would score each test clip: rule 2
excludes it on the real ones.

Pooled calibration is compared with the largest p-value over the domains, which is valid without knowing the
domain of a new recording, where each domain has at least 1/α − 1 independent recordings. It is not a
candidate, since most machines have fewer; a table says what it costs.

Writes its tables to docs/results/false-alarms.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from auscult.errors import AuscultError
from bench.markdown import this_machine, write_section
from bench.promise_candidates import CANDIDATES
from bench.promise_decision import decide, measure
from bench.promise_scores import (
    DETECTORS,
    FIVE,
    MAX_FOLDS,
    SEEDS,
    PromiseMachine,
    real_data,
    real_machines,
    simulated_machines,
)
from bench.promise_tables import candidates_table, detection_table, domains_table, promise_table, worst_fit

PAGE = "results/false-alarms.md"
#: The detector for which the candidates are also compared alone.
DEFAULT = "auto"


def prepare(machines: Sequence[PromiseMachine], detectors: Sequence[str], seeds: Sequence[int]) -> None:
    """Compute what is missing, one machine after the other."""
    for machine in machines:
        for detector in detectors:
            for seed in seeds:
                for folds in (FIVE, MAX_FOLDS):
                    machine.held_out(detector, seed, folds)
        machine.data.clear_cache()


def sections(
    real: Sequence[PromiseMachine],
    simulated: Sequence[PromiseMachine],
    balanced: Sequence[PromiseMachine],
    detectors: Sequence[str],
    seeds: Sequence[int],
) -> dict[str, str]:
    """Name of each section to its tables and note."""
    measured_on = f"Measured on {this_machine()}."
    result = {}
    for detector in detectors:
        results = measure(real, [detector], seeds)
        tables = [make(real, results) for make in (promise_table, detection_table)]
        result[detector] = "\n\n".join(
            [*tables, f"`{detector}`, mean over {len(seeds)} seeds. {measured_on}"]
        )
    for name, chosen_by in (("candidates", detectors), (f"candidates {DEFAULT}", [DEFAULT])):
        if set(chosen_by) <= set(detectors):
            result[name] = _candidates(real, simulated, chosen_by, seeds)
            result[name] += f" Mean over {', '.join(chosen_by)} and {len(seeds)} seeds. {measured_on}"
    note = f"Mean over {', '.join(detectors)}; one seed. {measured_on}"
    result["domains"] = f"{domains_table([*real, *balanced], detectors, seeds[:1])}\n\n{note}"
    return result


def _candidates(
    real: Sequence[PromiseMachine],
    simulated: Sequence[PromiseMachine],
    detectors: Sequence[str],
    seeds: Sequence[int],
) -> str:
    """The table of all candidates, and what the rule chooses for some detectors."""
    of_real, of_simulated = measure(real, detectors, seeds), measure(simulated, detectors, seeds[:1])
    decision = decide(of_real, of_simulated)
    worst = {candidate: worst_fit(real, candidate, detectors, seeds) for candidate in CANDIDATES}
    candidates = candidates_table(of_real, of_simulated, decision, worst)
    left_out = "Mean detection rate over the machines left out, each by what is chosen without it"
    return f"{candidates}\n\n{left_out}: {decision.mean:.1f} %."


def main() -> None:
    """Compute what is missing, decide, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/promise", help="folder for recordings and scores")
    parser.add_argument("--detectors", default=",".join(DETECTORS), help="names, separated by commas")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), choices=range(1, len(SEEDS) + 1))
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    output, detectors, seeds = Path(args.output), args.detectors.split(","), SEEDS[: args.seeds]
    if unknown := set(detectors) - set(DETECTORS):
        sys.exit(f"--detectors: {', '.join(sorted(unknown))}: choose from {', '.join(DETECTORS)}")
    try:
        real = real_machines(real_data(), output)
        simulated = simulated_machines(output, clips=100, target_clips=3, seconds=5.0)
        balanced = simulated_machines(output, clips=60, target_clips=30, seconds=5.0)
        prepare(real, detectors, seeds)
        prepare([*simulated, *balanced], detectors, seeds[:1])
        texts = sections(real, simulated, balanced, detectors, seeds)
    except AuscultError as error:
        sys.exit(str(error))
    for name, text in texts.items():
        if not args.only_print:
            write_section(PAGE, f"bench.promise {name}", text)
        print(f"{name}\n\n{text}\n")


if __name__ == "__main__":
    main()
