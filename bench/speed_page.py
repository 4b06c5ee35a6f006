"""The tables of docs/results/performance.md; every factor compares two sides of the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.markdown import table
from bench.speed_child import steps_per_epoch
from bench.speed_clock import Runs, Spread, spread
from bench.speed_parts import BF16, CORES, FLEET, NETWORKS, ONE_MACHINE, OURS, PLAIN, PLAIN_ONE_THREAD, Groups
from bench.speed_peak import LAYERS, operations

NONE = "–"
#: The parameters of a run, and all measured parts.
About = Mapping[str, Any]


def figure(value: Spread, digits: int = 1) -> str:
    """``median [minimum, maximum]``, or the value of a single run, marked as such."""
    if value.runs == 1:
        return f"{value.median:,.{digits}f} (once)"
    return f"{value.median:,.{digits}f} [{value.minimum:,.{digits}f}, {value.maximum:,.{digits}f}]"


def per(value: Spread, amount: float) -> Spread:
    """The rate of an amount that takes these seconds."""
    return Spread(amount / value.median, amount / value.maximum, amount / value.minimum, value.runs)


def times(runs: Runs, side: str, quantity: str, *, than: str = PLAIN) -> str:
    """How many times less of a quantity ``side`` takes than ``than``, as a ratio of medians."""
    if side == than:
        return "1"
    if than not in runs:
        return NONE
    return f"{spread(runs[than], quantity).median / spread(runs[side], quantity).median:.1f}"


def features(groups: Groups, about: About) -> str:
    """Log-mels per second."""
    rows = []
    for clips, runs in groups.items():
        count = int(clips.split()[0])
        for side, records in runs.items():
            rate = figure(per(spread(records, "seconds"), count), 0)
            rows.append([side, rate, times(runs, side, "seconds")])
    return table(["log-mels", "clips/s", "× plain"], rows)


def peak(groups: Groups, about: About) -> str:
    """Rate of a large product, and time of the products of one training step, by library and threads."""
    rows = []
    for side, records in groups["products"].items():
        for library in _libraries(records[0]):
            cells = [figure(spread(records, f"{library} 1024"), 0)]
            cells += [figure(spread(records, f"{library} {network}"), 2) for network in LAYERS]
            rows.append([library, side, *cells])
    header = ["library", "threads", "1024³ product, GFLOP/s", *(f"step of {n}, ms" for n in LAYERS)]
    peaks = [(peak_rate(groups, int(side.split()[0])), side) for side in groups["products"]]
    best = " and ".join(f"{rate:.0f} GFLOP/s with {library} on {side}" for (rate, library), side in peaks)
    note = (
        f"The best rates, {best}, are the peaks that the shares below refer to. "
        "The products of one step, for one machine and a batch of 256, are "
        + " and ".join(f"{operations(n) / 1e6:.0f} million operations for `{n}`" for n in NETWORKS)
        + "."
    )
    return f"{table(header, rows)}\n\n{note}"


def peak_rate(groups: Groups, threads: int) -> tuple[float, str]:
    """The highest rate of matrix products with this number of threads, GFLOP/s, and its library."""
    records = groups["products"][f"{threads} threads"]
    return max((spread(records, f"{library} 1024").median, library) for library in _libraries(records[0]))


def _libraries(record: Mapping[str, float]) -> list[str]:
    return [name.removesuffix(" 1024") for name in record if name.endswith(" 1024")]


def training(groups: Groups, about: About) -> str:
    """Time per training step and machine, and share of the peak rate."""
    peaks = about["parts"].get("peak")
    rows = []
    for network, runs in groups.items():
        for side, records in runs.items():
            step = spread(records, "milliseconds")
            share = NONE
            if peaks:
                rate = operations(network) / step.median / 1e6
                share = f"{100 * rate / peak_rate(peaks, _threads(side))[0]:.0f} %"
            row = [
                f"`{network}`",
                side,
                str(_threads(side)),
                figure(step, 2),
                times(runs, side, "milliseconds"),
                share,
            ]
            rows.append([*row, f"{records[0]['steps']:.0f}", figure(spread(records, "megabytes"), 0)])
    header = [
        "network",
        "side",
        "threads",
        "ms per step and machine",
        "× plain",
        "share of peak",
        "steps timed",
        "MB",
    ]
    size = about["size"]
    note = (
        f"Fleets of {size['fleet']} machines, {size['trained']} clips each. Share of peak: rate of the step, "
        "counting the operations of its matrix products only, relative to the best product with the same "
        "number of threads."
    )
    return f"{table(header, rows)}\n\n{note}\n\n{_extrapolated_fits(groups)}"


def _threads(side: str) -> int:
    """Number of threads that a side of the training part keeps busy."""
    return 1 if side in (ONE_MACHINE, FLEET, BF16, PLAIN_ONE_THREAD) else CORES


def _extrapolated_fits(groups: Groups) -> str:
    """Time for a hundred epochs of a thousand clips, extrapolated from the measured steps."""
    steps = 100 * steps_per_epoch(1000, 10.0)
    rows = []
    for network, runs in groups.items():
        for side, records in runs.items():
            minutes = steps * spread(records, "milliseconds").median / 60e3
            rows.append([f"`{network}`", side, f"{minutes:.1f}", f"{7 * minutes:.0f}"])
    title = f"extrapolated: {steps:,} steps of the table above"
    return table(["network", f"side ({title})", "one machine, min", "seven machines, min"], rows)


def precision(groups: Groups, about: About) -> str:
    """Accuracy by precision of the matrix products."""
    rows = [
        [machine, f"`{kind}`", figure(spread(records, "percent"))]
        for machine, runs in groups.items()
        for kind, records in runs.items()
    ]
    size = about["size"]
    return table(
        [
            f"simulated machine, {size['judged']} clips, {size['judged_epochs']} epochs",
            "precision",
            "harmonic mean, %",
        ],
        rows,
    )


def epoch(groups: Groups, about: About) -> str:
    """Time and memory of the first epoch by number of clips; missing values of plain are extrapolated."""
    rows = []
    for count, runs in groups.items():
        for side, records in runs.items():
            seconds, memory = (spread(records, q) for q in ("process_seconds", "megabytes"))
            row = [f"{int(count):,}", side, figure(seconds, 2), times(runs, side, "process_seconds")]
            row += [figure(memory, 0), times(runs, side, "megabytes")]
            rows.append([*row, f"{spread(records, 'loss').median:.1f}"])
        if PLAIN not in runs:
            longer, larger = extrapolated_clips(groups, int(count))
            title = f"{PLAIN}, extrapolated from fewer clips"
            rows.append([f"{int(count):,}", title, f"{longer:,.0f}", NONE, f"{larger:,.0f}", NONE, NONE])
    header = ["clips", "side", "s", "× plain", "peak, MB", "× plain", "loss of the epoch"]
    return table(header, rows)


def fitting(groups: Groups, about: About) -> str:
    """Time, memory and model size of a complete fit."""
    rows = [
        [
            f"`{name}`",
            side,
            f"{record['seconds']:.1f}",
            f"{record['megabytes']:.0f}",
            f"{record['bytes']:,.0f}",
        ]
        for name, runs in groups.items()
        for side, (record,) in runs.items()
    ]
    clips = about["size"]["fitted"]
    header = ["detector", "side", "fit, s (once)", "peak, MB", "model, bytes"]
    note = (
        f"{clips} clips. Ours cross-fits, six networks in total; plain trains one and does not calibrate. "
        "Networks are trained for two epochs, which need as much memory as a hundred."
    )
    return f"{table(header, rows)}\n\n{note}"


def scoring(groups: Groups, about: About) -> str:
    """Speed for a folder, in times real time, time of a single clip, and memory."""
    size = about["size"]
    audio = size["clips"] * about["seconds"]
    rows = []
    for name, runs in groups.items():
        for side, records in runs.items():
            folder = figure(per(spread(records, "seconds"), audio), 0)
            plain = side.replace("ours", "plain")
            factors = [times(runs, side, q, than=plain) for q in ("seconds", "milliseconds_single")]
            single = figure(spread(records, "milliseconds_single"), 2)
            row = [f"`{name}`", side, folder, factors[0], single, factors[1]]
            rows.append([*row, figure(spread(records, "megabytes"), 0)])
    header = ["detector", "side", "folder, × real time", "× plain", "one clip, ms", "× plain", "peak, MB"]
    return table(header, rows)


def startup(groups: Groups, about: About) -> str:
    """Time of whole processes."""
    rows = [
        [name, figure(spread(records, "process_seconds"), 2)] for name, records in groups["start"].items()
    ]
    return table(["process, from start to end", "s"], rows)


def extrapolated_clips(groups: Groups, count: int) -> tuple[float, float]:
    """Seconds and megabytes of plain for a number of clips, on the line through its last two points."""
    measured = [int(n) for n, runs in groups.items() if PLAIN in runs]
    points = sorted(measured)[-2:]
    extrapolated = []
    for quantity in ("process_seconds", "megabytes"):
        values = [spread(groups[str(n)][PLAIN], quantity).median for n in points]
        if len(points) == 1:
            extrapolated.append(values[0] * count / points[0])
        else:
            slope = (values[1] - values[0]) / (points[1] - points[0])
            extrapolated.append(values[1] + slope * (count - points[1]))
    return extrapolated[0], extrapolated[1]


def many_machines(groups: Groups, about: About) -> str:
    """Time of a training step by size of the fleet; plain trains one network after the other."""
    plain = spread(groups[next(iter(groups))][PLAIN], "milliseconds").median
    rows = []
    for count, runs in groups.items():
        step = spread(runs[OURS], "milliseconds")
        ours = [count, OURS, figure(step, 2), f"{int(count) * step.median:.1f}"]
        rows.append([*ours, figure(spread(runs[OURS], "megabytes"), 0)])
        title = PLAIN if PLAIN in runs else f"{PLAIN}, extrapolated: one network after the other"
        rows.append([count, title, f"{plain:.2f}", f"{int(count) * plain:.1f}", NONE])
    return table(
        ["machines", "side", "ms per step and machine", "ms per step, all machines", "peak, MB"], rows
    )


def lengths(groups: Groups, about: About) -> str:
    """Speed of scoring by length of the clips."""
    rows = []
    for length, runs in groups.items():
        for side, records in runs.items():
            speed = per(spread(records, "seconds"), records[0]["sound"])
            rows.append([length, side, figure(speed, 0), times(runs, side, "seconds")])
    return table(["clip, s", "side", "× real time, folder, all cores", "× plain"], rows)


TABLES: Mapping[str, Callable[[Groups, About], str]] = {
    part.__name__: part
    for part in (
        peak, features, training, precision, epoch, fitting, scoring, startup, many_machines,
        lengths,
    )
}  # fmt: skip


def sections(parts: Mapping[str, Groups], size: Mapping[str, Any], seconds: float) -> dict[str, str]:
    """The table of each part, in the order of `TABLES`.

    Args:
        parts: the measured groups of each part.
        size: the fields of the run's `SpeedSize`.
        seconds: default length of a clip.
    """
    about = {"parts": parts, "size": size, "seconds": seconds}
    return {name: TABLES[name](parts[name], about) for name in TABLES if name in parts}


def provenance(machine: str, versions: Mapping[str, str], dates: Sequence[str]) -> str:
    """How the values were measured: machine, versions of packages and dates."""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    days = " and ".join(dict.fromkeys(dates))
    return (
        f"Measured on {machine}; {packages}; {days}. Median [minimum, maximum] of the runs; the sides "
        "alternated, each run in a separate process. × plain: median of the plain reference divided by ours, "
        "from the same run."
    )
