"""The tables of a benchmark report: metrics of all systems, costs, results by machine, and run details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.evaluation import Result
from auscult.evaluation.results_table import METRICS
from auscult.report.bench_data import BenchData, leading_number, signed_points
from auscult.report.markup import Markup, join, tag

_MAX_NAMES = 3  # machines listed in a cell


def systems_table(bench: BenchData) -> Markup:
    """Return a sortable table with a row for each system, best first: metrics, difference from the baseline,
    on how many machines it is better or worse, and rates at the threshold of the model."""
    titles, metrics = bench.table.header[2:], len(METRICS) + 1
    from_baseline = f"Difference from {bench.baseline} [points]" if bench.baseline else "Difference [points]"
    heads = ["System", *titles[:metrics], "95\u00a0% interval", from_baseline]
    if len(bench.machines) > 1:
        heads.append("Machines better / worse")
    heads += titles[metrics:]
    best = _best(bench, bench.overall)
    body = []
    for system in [*bench.systems, *(s for s in bench.overall if s not in bench.systems)]:
        shown = [
            _cell(cell, is_best=cell == top) for cell, top in zip(bench.overall[system], best, strict=True)
        ]
        cells = [*shown[:metrics], _interval(bench.mean(system)), _difference(bench, system)]
        if len(bench.machines) > 1:
            cells.append(_machines(bench, system))
        cells += shown[metrics:]
        is_default = bench.ranking.get(system, {}).get("decisive")
        mark = tag("span", " default", class_="spread") if is_default else None
        body.append(tag("tr", tag("th", tag("span", system), mark, scope="row"), *cells))
    head = tag("tr", *(tag("th", tag("button", h, type="button"), scope="col") for h in heads))
    notes = [
        *bench.table.notes,
        "95\u00a0% interval: of the harmonic mean, over independent recordings and, if there are several, "
        "over seeds. Difference: difference in harmonic mean on the same recordings, with its interval.",
        "Bold: the best value of the systems run here, and differences whose interval excludes zero.",
    ]
    if bench.ranking:
        notes.append("“default”: the default score of the detector.")
    reasons = (entry.get("note") for system in bench.systems if (entry := bench.mean(system)))
    notes += [f"{reason[0].upper()}{reason[1:]}." for reason in dict.fromkeys(reasons) if reason]
    if single := [s for s in bench.systems if (bench.mean(s) or {}).get("seeds") == 1]:
        notes.append(f"One seed, so that other seeds are not counted: {', '.join(single)}.")
    if source := bench.facts.get("published"):
        source = "Table 2 of the GammaVAE report" if source is True else source  # True: of version 0.1.0
        notes.append(f"The systems “published …” are from {source}; they were not run here.")
    return join(
        _scroll("All systems", tag("table", tag("thead", head), tag("tbody", *body), class_="sortable")),
        *(tag("p", note, class_="note") for note in notes),
    )


def costs_table(bench: BenchData) -> Markup:
    """Return a table with a row for each detector: times to fit and to score, size of the model file, and
    requirements; empty if costs are not known."""
    costs = bench.facts.get("costs", [])
    if not costs:
        return Markup()
    heads = ["Detector", "Fit [s]", "Score [ms/clip]", "Score [× real time]", "Model [MB]", "Required to fit"]
    rows = []
    for cost in costs:
        values = [
            f"{cost['fit_seconds']:.1f}",
            f"{cost['score_milliseconds']:.1f}",
            "–" if cost["real_time"] is None else f"{cost['real_time']:.0f}",
            f"{cost['model_bytes'] / 1e6:.1f}",
        ]
        needs = tag("td", ", ".join(cost["needs"]) or "–", class_="name")
        rows.append(
            tag("tr", tag("th", cost["detector"], scope="row"), *(tag("td", v) for v in values), needs)
        )
    head = tag(
        "tr",
        *(tag("th", h, scope="col", class_="name" if h in (heads[0], heads[-1]) else None) for h in heads),
    )
    note = (
        "Times are for one fit and for one clip, including reading files and computing log-mel spectra. For "
        "detectors without a network, the time to fit also includes cross-fitting."
    )
    return join(
        tag("h3", "Costs"),
        _scroll("Costs of detectors", tag("table", tag("thead", head), tag("tbody", *rows))),
        tag("p", note, class_="note"),
    )


def machines_table(bench: BenchData) -> Markup:
    """Return the metrics of each machine: first of default scores and of the baseline, then collapsed of all.

    Empty if there is only one machine, which `systems_table` shows.
    """
    if len(bench.groups) < 2:
        return Markup()
    tables = [_by_machine(bench, "Results by machine", bench.secondary_systems)]
    if bench.secondary_systems:
        all_scores = _by_machine(bench, "Results by machine, all scores", set())
        tables.append(tag("details", tag("summary", "All scores by machine"), all_scores))
    return join(tag("h3", "By machine"), *tables)


def _by_machine(bench: BenchData, label: str, left_out: set[str]) -> Markup:
    """A table with a row for each machine and system, except the systems left out."""
    heads = ["Machine", "System", *bench.table.header[2:]]
    bodies = []
    for machine, systems in list(bench.groups.items())[:-1]:
        systems = {system: cells for system, cells in systems.items() if system not in left_out}
        best = _best(bench, systems)
        rows = []
        for index, (system, cells) in enumerate(systems.items()):
            first = tag("th", machine, scope="rowgroup", rowspan=len(systems)) if index == 0 else None
            marked = [_cell(cell, is_best=cell == top) for cell, top in zip(cells, best, strict=True)]
            rows.append(tag("tr", first, tag("th", system, scope="row"), *marked))
        bodies.append(tag("tbody", *rows))
    head = tag(
        "thead",
        tag("tr", *(tag("th", h, scope="col", class_="name" if h in heads[:2] else None) for h in heads)),
    )
    return _scroll(label, tag("table", head, *bodies))


def run_details(bench: BenchData) -> Markup:
    """Return data, date, settings, computer and versions of the run, and its failures and warnings."""
    facts = bench.facts
    details: list[tuple[str, str]] = [
        ("Recordings", str(facts.get("root", "unknown"))),
        ("Date", str(facts.get("created", "unknown"))),
        ("Machines", ", ".join(bench.machines)),
        ("Systems", ", ".join(map(str, facts.get("systems", bench.systems)))),
        ("Seeds", ", ".join(map(str, facts.get("seeds", [])))),
        ("Settings", _pairs(facts.get("settings", {})) or "defaults"),
        ("Computer", _pairs(facts.get("machine", {})) or "unknown"),
        ("Versions", _pairs(facts.get("versions", {})) or "unknown"),
        ("Time", _total_time(bench.results)),
    ]
    details_list = tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in details))
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
        details_list,
        tag("h3", f"Failures ({len(failures)})"),
        tag("ul", *failures, class_="failures") if failures else tag("p", "None."),
        tag("h3", f"Warnings and notes ({len(notes)})"),
        tag("ul", *notes) if notes else tag("p", "None."),
    )


def _best(bench: BenchData, systems: Mapping[str, tuple[str, ...]]) -> list[str | None]:
    """For each column the cell with the highest mean among the systems that are not published ones.

    Recall and false-alarm rate have none: one of them is best at the expense of the other.
    """
    rows = [cells for system, cells in systems.items() if system in bench.systems]
    columns = list(zip(*rows, strict=True))[: len(METRICS) + 1]
    tops = [max(column, key=leading_number) for column in columns]
    best = [top if leading_number(top) > float("-inf") else None for top in tops]
    return best + [None] * (len(bench.table.header) - 2 - len(best))


def _cell(text: str, *, is_best: bool) -> Markup:
    mean, plus_minus, spread = text.partition(" ± ")
    content = tag("strong", mean) if is_best else mean
    return tag("td", content, tag("span", f" ± {spread}", class_="spread") if plus_minus else None)


def _difference(bench: BenchData, system: str) -> Markup:
    difference = bench.difference(system)
    if system == bench.baseline:
        return tag("td", "baseline", data_order=0)
    if difference is None:
        return tag("td", "–")
    value, low, high = (
        100 * difference[key] if difference[key] is not None else None for key in ("value", "low", "high")
    )
    if low is None or high is None:
        return tag("td", signed_points(value))
    excludes_zero = low > 0 or high < 0
    content = tag("strong", signed_points(value)) if excludes_zero else signed_points(value)
    interval = tag("span", f" {signed_points(low)} to {signed_points(high)}", class_="spread")
    return tag("td", content, interval, data_order=round(value or 0.0, 4))


def _interval(entry: Mapping[str, Any] | None) -> Markup:
    if entry is None or entry["low"] is None or entry["high"] is None:
        return tag("td", "–")
    ends = f"{100 * entry['low']:.1f} to {100 * entry['high']:.1f}"
    return tag("td", ends, data_order=round(100 * entry["low"], 4))


def _machines(bench: BenchData, system: str) -> Markup:
    """The number of machines on which a system is better and worse than the baseline, and the names of the
    latter."""
    entry = bench.ranking.get(system)
    if entry is None or not (entry["better_on"] or entry["worse_on"]):
        return tag("td", "–", data_order=0)
    better, worse = len(entry["better_on"]), len(entry["worse_on"])
    names = ", ".join(entry["worse_on"][:_MAX_NAMES]) + (", …" if worse > _MAX_NAMES else "")
    worse_on = tag("span", f" worse on {names}", class_="spread") if worse else None
    return tag("td", f"{better} / {worse}", worse_on, data_order=better - worse)


def _total_time(results: list[Result]) -> str:
    fits = {(r.machine, r.detector, r.seed): (r.fit_seconds or 0, r.score_seconds or 0) for r in results}
    fit, score = (sum(times) for times in zip(*fits.values(), strict=True)) if fits else (0, 0)
    return f"{fit:.0f} s to fit and {score:.0f} s to score in total ({len(fits)} fits)"


def _pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _scroll(label: str, table: Markup) -> Markup:
    """A container in which a wide table scrolls sideways, also with the keyboard."""
    hint = tag("p", "Scroll sideways to see all columns.", class_="note wider")
    return join(hint, tag("div", table, class_="scroll", role="region", aria_label=label, tabindex=0))
