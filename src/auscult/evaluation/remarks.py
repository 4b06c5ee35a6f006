"""Findings about copies among the clips, and about scores that cannot be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import ScoredSection
from auscult.evaluation.summary import Summary
from auscult.findings import Finding

if TYPE_CHECKING:  # at run time only attributes of clips are read
    from auscult.corpus import Clip

#: An AUC below this, or with an interval that ends below ½, is far below one half.
LOW_AUC = 0.4
#: From this AUC on, scores separate well, and a threshold should find at least `MIN_RECALL` of the anomalies.
HIGH_AUC = 0.9
MIN_RECALL = 0.5
_EXCHANGED = (
    "Anomalous recordings have lower scores than normal ones: check whether the labels, or the sign of the "
    "score, are exchanged"
)
_MAX_NAMED = 3  # sections named in a message


def score_remarks(
    sections: Mapping[str, ScoredSection],
    summaries: Mapping[str, Summary],
    fit_findings: Sequence[Finding] = (),
) -> list[Finding]:
    """Findings about the scores of sections, at most one of each kind.

    Args:
        sections: labels and scores by the name of the section.
        summaries: the metrics of these sections.
        fit_findings: findings of the fit. Training that has not converged explains scores in the wrong order.
    """
    constant = [name for name, section in sections.items() if np.ptp(section.scores) == 0]
    low = [
        f"{100 * estimate.value:.1f} %{f' ({label})' if label else ''}"
        for name, summary in summaries.items()
        for label, estimate in _aucs(name if len(summaries) > 1 else "", summary)
        if estimate.value < LOW_AUC or (estimate.high is not None and estimate.high < 0.5)
    ]
    remarks = []
    if constant:
        where = "" if len(sections) == 1 else f" of {_listed(constant)}"
        message = f"all scores{where} are equal: they do not depend on the recording"
        remarks.append(Finding("equal_scores", message))
    if low:
        early = [finding.message for finding in fit_findings if finding.kind == "not_converged"]
        reason = f"{early[0][0].upper()}{early[0][1:]}" if early else _EXCHANGED
        remarks.append(Finding("low_auc", f"AUC far below 50 %: {_listed(low)}. {reason}"))
    return remarks


def missed_by_threshold(summary: Summary) -> str | None:
    """Describe a threshold that finds few anomalies of a domain, although the scores separate them well.

    Args:
        summary: the metrics, with the rates of decisions.

    Returns:
        The description, or ``None`` if there is no such domain.
    """
    missed = []
    aucs = {"source": summary.auc_source, "target": summary.auc_target}
    for domain, auc in aucs.items():
        recall = summary.decisions.get(f"recall_{domain}")
        if auc is not None and recall is not None and auc.value >= HIGH_AUC and recall.value < MIN_RECALL:
            where = f" in the {domain} domain" if summary.auc_target else ""
            auc_text = f"AUC {100 * auc.value:.1f} %"
            missed.append(f"only {100 * recall.value:.3g} % of the faults{where} ({auc_text})")
    if not missed:
        return None
    return f"the scores separate faults well, but the threshold finds {' and '.join(missed)}"


def fitted_on_remark(clips: Sequence[Clip], count: int) -> Iterator[Finding]:
    """A finding that the model was fitted on some of the clips, if it was on any.

    Args:
        clips: the clips that the model was fitted on.
        count: number of all clips.
    """
    if not clips:
        return
    anomalies = sum(clip.condition == "anomaly" for clip in clips)
    learned = f", {anomalies} of them anomalies, which it learned as normal," if anomalies else ""
    yield Finding(
        "fitted_on",
        f"the model was fitted on {len(clips)} of these {count} recordings{learned} and they are left out "
        f"({_listed([clip.path for clip in clips])}): evaluate on recordings that it does not know",
        tuple(clip.path for clip in clips),
    )


def copies_remark(copies: Sequence[Sequence[str]]) -> Iterator[Finding]:
    """A finding that clips are copies of others, if any are.

    Args:
        copies: the paths of each group of copies.
    """
    if copies:
        number = sum(len(paths) for paths in copies) - len(copies)
        examples = _listed([" = ".join(paths[:2]) for paths in copies])
        verb = "clip is a copy" if number == 1 else "clips are copies"
        message = f"{number} {verb} of another clip: each recording counts once for intervals ({examples})"
        yield Finding("copies", message, tuple(path for paths in copies for path in paths))


def _aucs(section: str, summary: Summary) -> Iterator[tuple[str, Estimate]]:
    """The AUCs of a section, each with what distinguishes it: the section and the domain."""
    by_domain = {"source": summary.auc_source, "target": summary.auc_target}
    for domain, estimate in by_domain.items():
        if estimate is not None:
            yield f"{section} {domain if summary.auc_target else ''}".strip(), estimate


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
