"""``auscult monitor --learn``: from a source without a model to alarms on probation."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auscult.cli import text
from auscult.cli.monitor_page import PageFlags
from auscult.cli.monitor_run import check_start, run_monitor
from auscult.cli.options import Number
from auscult.cli.progress import show_progress
from auscult.errors import FitError, OptionError

if TYPE_CHECKING:
    from auscult.monitor.learning.folder import NormalFolder
    from auscult.monitor.learning.learn import Learned
    from auscult.monitor.learning.recording import Progress
    from auscult.sound.live import Block, Interruption

F = TypeVar("F", bound=Callable[..., Any])

#: Two minutes and a quarter for the model, six and a half for its alarms, which need five without a gap.
#: Fitting has the rest of ten minutes.
DEFAULT_MINUTES = 9.0
#: If gaps leave too little, so many minutes are added, until there are twice as many.
_MORE_MINUTES = 2.0
#: Most seconds between two lines about what is recorded.
_LONGEST = 30.0
_OPTIONS = (
    click.option(
        "--learn",
        metavar="NAME",
        help="No model yet: record normal running of the machine NAME from --source, fit NAME.auscult, and "
        "monitor it. The recordings are kept in NAME-normal.",
    ),
    click.option(
        "--minutes",
        metavar="M",
        type=Number(5, 240),
        default=DEFAULT_MINUTES,
        show_default=True,
        help="With --learn: normal running to record.",
    ),
    click.option(
        "--budget",
        metavar="N/PERIOD",
        default="1/week",
        show_default=True,
        help="With --learn: accepted number of false alarms, as in auscult calibrate.",
    ),
    click.option(
        "--detector",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="With --learn: as in auscult fit.",
    ),
)


@dataclass(frozen=True)
class LearnFlags:
    """What the command line says about learning."""

    learn: str | None
    minutes: float
    budget: str
    detector: str


def learn_options(function: F) -> F:
    """Add the options of learning to a command, which gets them as one argument ``learning``."""

    @wraps(function)
    def with_learning(**arguments: Any) -> Any:
        names = LearnFlags.__dataclass_fields__
        flags = LearnFlags(**{name: arguments.pop(name) for name in names})
        return function(learning=flags, **arguments)

    for option in reversed(_OPTIONS):
        with_learning = option(with_learning)
    return with_learning  # type: ignore[return-value]


def run_learning(
    flags: LearnFlags,
    source_text: str,
    store: str,
    speed: float,
    *,
    every: float | None,
    options: dict[str, Any],
    page: PageFlags,
    as_json: bool,
    quiet: bool,
) -> int:
    """Record normal running, fit a model, set its alarms, and monitor.

    Args:
        flags: what is learned.
        source_text: the source.
        store: folder of the event store.
        speed: of a recording that is replayed.
        every: seconds between scores.
        options: further arguments of `open_source`.
        page: options of the page.
        as_json: print JSON lines.
        quiet: print alarms only.

    Returns:
        The exit code.

    Raises:
        OptionError: the folder, the model file, the source or the address of the page cannot be used.
        StoreError: the store cannot be written, or another process writes it.
        FitError: the recording cannot be learned.
    """
    from auscult.api.plan import check_options
    from auscult.decision.alarms import AlarmBudget
    from auscult.model.model_file import model_digest
    from auscult.monitor.history.model_files import ModelFile
    from auscult.monitor.learning.folder import NormalFolder
    from auscult.monitor.learning.learn import Continued, TooLittle
    from auscult.monitor.learning.recording import record
    from auscult.monitor.service.runner import WatchedMachine
    from auscult.sound.live import open_source

    assert flags.learn is not None
    budget = AlarmBudget.parse(flags.budget)
    check_options(flags.detector, preset=None, calibrate="auto", settings={})
    name, path = os.path.basename(flags.learn), f"{flags.learn}.auscult"
    if not name:
        raise OptionError(f"--learn {flags.learn}: give a name of the machine")
    if os.path.exists(path):
        raise OptionError(f"{path} exists: monitor it with auscult monitor {path}, or learn another name")
    check_start(store, page)
    folder = NormalFolder(f"{flags.learn}-normal", name)
    with folder.only_writer(), open_source(source_text, speed=speed, **options) as source:
        items = iter(source)
        if not quiet:
            _announce(folder, flags)
        learned, goes_on, minutes = None, True, flags.minutes
        while learned is None:
            try:
                with show_progress(quiet=quiet, name=name, longest=_LONGEST) as progress:
                    goes_on = record(source, items, folder, 60 * minutes, _Notes(progress, quiet))
                learned = _learn_meanwhile(folder, budget, flags, every, items, speed == float("inf"), quiet)
            except KeyboardInterrupt:
                text.note(f"{folder.seconds:.0f} s are recorded; the same command goes on from there")
                raise
            except TooLittle as error:
                minutes += _MORE_MINUTES
                if not goes_on or minutes > 2 * flags.minutes:
                    raise FitError(
                        f"{folder.path}: {error}. The recordings are kept: the same command goes on with "
                        "them, if it gets more --minutes or another recording"
                    ) from error
                text.note(f"not enough yet, recording goes on: {error}")
        learned.model.save(path)
        _report(learned, path, as_json=as_json, quiet=quiet)
        if not goes_on:
            text.note(f"the source has ended: listen with auscult monitor {path} --source …")
            return 0
        continued = Continued(source, items)
        machine = WatchedMachine(
            name,
            learned.model,
            lambda: continued,
            model_id=model_digest(learned.model),
            waits=speed == float("inf"),
            period=every,
            source=source.description,
            file=ModelFile.of(path),
        )
        return run_monitor(
            [machine],
            store,
            sources={name: source.description},
            page=page,
            as_json=as_json,
            quiet=quiet,
        )


def _announce(folder: NormalFolder, flags: LearnFlags) -> None:
    text.note(
        f"recording {flags.minutes:g} min of normal running to {folder.path}: let the machine run as usual"
        + (f"; {folder.seconds:.0f} s are there already" if folder.seconds else "")
    )


class _Notes:
    """Shows what is recorded, and says once whatever keeps it from counting."""

    def __init__(self, progress: Any, quiet: bool) -> None:
        self._progress, self._quiet = progress, quiet
        self._problem = ""

    def __call__(self, now: Progress) -> None:
        problem = now.problem.partition(":")[0].partition("(")[0]
        if problem != self._problem:
            self._problem = problem
            text.note(f"not recorded: {now.problem}" if problem else "recording again")
        if self._progress:
            figures = {} if now.state is None else {"level_dB": now.level}
            self._progress("record", min(int(now.seconds), int(now.needed)), int(now.needed), figures)


def _learn_meanwhile(
    folder: NormalFolder,
    budget: Any,
    flags: LearnFlags,
    every: float | None,
    items: Iterator[Block | Interruption],
    waits: bool,
    quiet: bool,
) -> Learned:
    """Learn in a thread, while what a live source delivers is read and left out, so that it is not lost."""
    from auscult.monitor.learning.learn import TooLittle, learn

    outcome: list[Learned | BaseException] = []

    def work() -> None:
        try:
            with show_progress(quiet=quiet, name=folder.machine) as progress:
                outcome.append(learn(folder, budget, flags.detector, every=every, progress=progress))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        if waits or next(items, None) is None:
            thread.join(0.2)
    (result,) = outcome
    if isinstance(result, FitError) and not isinstance(result, TooLittle):
        raise FitError(
            f"{result}. The recordings are kept in {folder.path}: a longer --minutes goes on"
        ) from result
    if isinstance(result, BaseException):
        raise result
    return result


def _report(learned: Learned, path: str, *, as_json: bool, quiet: bool) -> None:
    from auscult.decision.alarms.wording import describe_policy

    policy = learned.model.alarm_policy
    assert policy is not None
    if as_json:
        text.print_json(
            {
                "learned": path,
                "fit_seconds": learned.fit_seconds,
                "alarm_seconds": learned.alarm_seconds,
                "policy": {**policy.to_json(), "state": policy.state},
                **text.warnings_and_findings(learned.findings),
            }
        )
    if quiet:
        return
    text.warn_of(learned.findings)
    if not as_json:
        facts = [("model", f"{path}, fitted on {learned.fit_seconds:.0f} s"), *describe_policy(policy)]
        click.echo(text.facts(facts))
