"""The tables of a benchmark's page: every figure, and what was run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.evaluation import Result
from auscult.report.bench_data import FEW_CLIPS, BenchData, leading_number, signed_points
from auscult.report.markup import Markup, join, tag

_NAMED = 3  # machines in a cell


def systems_table(bench: BenchData) -> Markup:
    """One row a system, the best first, sortable: means, difference from the baseline, machines."""
    titles = bench.table.header[2:]
    from_baseline = f"Difference from {bench.baseline} [points]" if bench.baseline else "Difference [points]"
    heads = ["System", *titles, from_baseline]
    if len(bench.machines) > 1:
        heads.append("Machines better / worse")
    best = _best(bench, bench.overall)
    body = []
    for system in [*bench.systems, *(s for s in bench.overall if s not in bench.systems)]:
        cells = [
            _cell(cell, is_best=cell == top) for cell, top in zip(bench.overall[system], best, strict=True)
        ]
        cells.append(_difference(bench, system))
        if len(bench.machines) > 1:
            cells.append(_machines(bench, system))
        decides = bench.ranked.get(system, {}).get("decisive")
        mark = tag("span", " decides", class_="spread") if decides else None
        body.append(tag("tr", tag("th", tag("span", system), mark, scope="row"), *cells))
    head = tag("tr", *(tag("th", tag("button", h, type="button"), scope="col") for h in heads))
    notes = [
        *bench.table.notes,
        "Difference: of the harmonic mean, with its 95\u00a0% interval over clips.",
        "Bold: the best of what was run here, and differences whose interval lacks zero.",
    ]
    if bench.ranked:
        notes.append("“decides”: the detector’s score unless another is chosen.")
    if bench.has_few_clips:
        notes.append(
            f"Few clips: intervals are rough under {FEW_CLIPS} test clips of a domain and condition."
        )
    if bench.facts.get("published"):
        notes.append("The systems “published …” are Table 2 of the report, printed there and not run here.")
    return join(
        _scroll("All systems", tag("table", tag("thead", head), tag("tbody", *body), class_="sortable")),
        *(tag("p", note, class_="note") for note in notes),
    )


def costs_table(bench: BenchData) -> Markup:
    """One row a detector: time to fit and to score, size of the model file, and what it needs."""
    told = bench.facts.get("costs", [])
    if not told:
        return Markup()
    heads = ["Detector", "Fit [s]", "Score [ms a clip]", "Score [× real time]", "Model [MB]", "Needs to fit"]
    rows = []
    for cost in told:
        figures = [
            f"{cost['fit_seconds']:.1f}",
            f"{cost['score_milliseconds']:.1f}",
            "–" if cost["real_time"] is None else f"{cost['real_time']:.0f}",
            f"{cost['model_bytes'] / 1e6:.1f}",
        ]
        needs = tag("td", ", ".join(cost["needs"]) or "–", class_="name")
        rows.append(
            tag("tr", tag("th", cost["detector"], scope="row"), *(tag("td", f) for f in figures), needs)
        )
    head = tag(
        "tr",
        *(tag("th", h, scope="col", class_="name" if h in (heads[0], heads[-1]) else None) for h in heads),
    )
    note = (
        "Times are of one fit and of one clip; reading the files and their log-mel spectra count in each, "
        "and in a fit without a network cross-fitting."
    )
    return join(
        tag("h3", "What they cost"),
        _scroll("What detectors cost", tag("table", tag("thead", head), tag("tbody", *rows))),
        tag("p", note, class_="note"),
    )


def machines_table(bench: BenchData) -> Markup:
    """Every figure of each machine, at sight of the scores that decide and of the baseline; nothing where
    there is one machine alone, which `systems_table` shows."""
    if len(bench.groups) < 2:
        return Markup()
    shown = [_by_machine(bench, "Results by machine", bench.folded)]
    if bench.folded:
        whole = _by_machine(bench, "Results by machine, all scores", set())
        shown.append(tag("details", tag("summary", "All scores by machine"), whole))
    return join(tag("h3", "By machine"), *shown)


def _by_machine(bench: BenchData, label: str, left_out: set[str]) -> Markup:
    heads = ["Machine", "System", *bench.table.header[2:]]
    bodies = []
    for machine, systems in list(bench.groups.items())[:-1]:
        systems = {system: cells for system, cells in systems.items() if system not in left_out}
        best = _best(bench, systems)
        lines = []
        for place, (system, cells) in enumerate(systems.items()):
            first = tag("th", machine, scope="rowgroup", rowspan=len(systems)) if place == 0 else None
            marked = [_cell(cell, is_best=cell == top) for cell, top in zip(cells, best, strict=True)]
            lines.append(tag("tr", first, tag("th", system, scope="row"), *marked))
        bodies.append(tag("tbody", *lines))
    head = tag(
        "thead",
        tag("tr", *(tag("th", h, scope="col", class_="name" if h in heads[:2] else None) for h in heads)),
    )
    return _scroll(label, tag("table", head, *bodies))


def what_was_run(bench: BenchData) -> Markup:
    """Where, when, with what, and what went wrong."""
    facts = bench.facts
    machine = facts.get("machine", {})
    listed: list[tuple[str, str]] = [
        ("Recordings", str(facts.get("root", "not told"))),
        ("Run", str(facts.get("created", "not told"))),
        ("Machines", ", ".join(bench.machines)),
        ("Systems", ", ".join(map(str, facts.get("systems", bench.systems)))),
        ("Seeds", ", ".join(map(str, facts.get("seeds", [])))),
        ("Settings", _pairs(facts.get("settings", {})) or "as they come"),
        ("Computer", _pairs(machine) or "not told"),
        ("Versions", _pairs(facts.get("versions", {})) or "not told"),
        ("Time", _time_in_all(bench.results)),
    ]
    facts_list = tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in listed))
    failures = [
        tag(
            "li",
            " ".join(f"{f.get('machine', '')} {f.get('detector', '')}".split()),
            f", seed {f['seed']}" if f.get("seed") not in (None, "") else None,
            f": {f.get('error', '')}",
        )
        for f in facts.get("failures", [])
    ]
    notes = [tag("li", str(note)) for note in facts.get("notes", [])]
    return join(
        facts_list,
        tag("h3", f"Failures ({len(failures)})"),
        tag("ul", *failures, class_="failures") if failures else tag("p", "None."),
        tag("h3", f"Warnings and notes ({len(notes)})"),
        tag("ul", *notes) if notes else tag("p", "None."),
    )


def _best(bench: BenchData, systems: Mapping[str, tuple[str, ...]]) -> list[str | None]:
    """For each metric the cell with the highest mean among the systems that were run here."""
    mine = [cells for system, cells in systems.items() if system in bench.systems]
    tops = (max(column, key=leading_number) for column in zip(*mine, strict=True))
    found = [top if leading_number(top) > float("-inf") else None for top in tops]
    return found or [None] * (len(bench.table.header) - 2)


def _cell(text: str, *, is_best: bool) -> Markup:
    mean, plus_minus, spread = text.partition(" ± ")
    shown = tag("strong", mean) if is_best else mean
    return tag("td", shown, tag("span", f" ± {spread}", class_="spread") if plus_minus else None)


def _difference(bench: BenchData, system: str) -> Markup:
    found = bench.difference(system)
    if system == bench.baseline:
        return tag("td", "baseline", data_order=0)
    if found is None:
        return tag("td", "–")
    value, low, high = (100 * found[k] if found[k] is not None else None for k in ("value", "low", "high"))
    if low is None or high is None:
        return tag("td", signed_points(value))
    beyond = low > 0 or high < 0
    shown = tag("strong", signed_points(value)) if beyond else signed_points(value)
    interval = tag("span", f" {signed_points(low)} to {signed_points(high)}", class_="spread")
    few = tag("span", " few clips", class_="spread") if bench.has_few_clips else None
    return tag("td", shown, interval, few, data_order=round(value or 0.0, 4))


def _machines(bench: BenchData, system: str) -> Markup:
    """On how many machines it is above and below the baseline, and which those below are."""
    told = bench.ranked.get(system)
    if told is None or not (told["better_on"] or told["worse_on"]):
        return tag("td", "–", data_order=0)
    better, worse = len(told["better_on"]), len(told["worse_on"])
    names = ", ".join(told["worse_on"][:_NAMED]) + (", …" if worse > _NAMED else "")
    below = tag("span", f" below on {names}", class_="spread") if worse else None
    return tag("td", f"{better} / {worse}", below, data_order=better - worse)


def _time_in_all(results: list[Result]) -> str:
    fits = {(r.machine, r.detector, r.seed): (r.fit_seconds or 0, r.score_seconds or 0) for r in results}
    fit, score = (sum(times) for times in zip(*fits.values(), strict=True)) if fits else (0, 0)
    return f"{fit:.0f} s to fit and {score:.0f} s to score, over {len(fits)} fits"


def _pairs(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in told.items())


def _scroll(label: str, table: Markup) -> Markup:
    """A table wider than a phone scrolls by itself, also by keyboard."""
    hint = tag("p", "The table scrolls sideways.", class_="note wider")
    return join(hint, tag("div", table, class_="scroll", role="region", aria_label=label, tabindex=0))
