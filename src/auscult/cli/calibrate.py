"""``auscult calibrate``: set when continuous monitoring raises an alarm, for a budget of false alarms."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from auscult.cli import text
from auscult.cli.commands import FAILED
from auscult.cli.options import Number, check_writable, json_option, model_argument, open_model, quiet_option
from auscult.cli.progress import show_progress
from auscult.errors import AuscultWarning


@click.command("calibrate", short_help="Set the alarms of continuous monitoring for a budget of false ones.")
@model_argument
@click.argument("recordings", metavar="NORMALS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--budget",
    metavar="N/PERIOD",
    required=True,
    help="Accepted number of false alarms in an hour, day, week, month or year, such as 1/week.",
)
@click.option(
    "--verify",
    metavar="MORE",
    multiple=True,
    type=click.Path(),
    help="Later normal recordings on which the alarms are counted. May be repeated.",
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=Number(0, min_open=True),
    help="Time between scores, for which alone the alarms hold.  [default: 1]",
)
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(), help="Model file to write.  [default: MODEL itself]"
)
@json_option
@quiet_option
def command(
    model: str,
    recordings: tuple[str, ...],
    budget: str,
    verify: tuple[str, ...],
    every: float | None,
    output: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Set when continuous monitoring raises an alarm, for a budget of false alarms.

    NORMALS are recordings of normal running that the model was not fitted on: files of any length, or
    folders; those called anomalous are left out. They are scored as `auscult monitor` does, a window about
    each second. The alarm rule is stored in the model file. With --verify, alarms on further normal
    recordings are counted; if they break the budget, the rule is refused, and the exit code is 1.
    """
    output = output or model
    if output != model:
        check_writable(output, model=model)

    from auscult.decision.alarms.wording import describe_policy
    from auscult.monitor.calibrate import calibrate

    loaded = open_model(model, *recordings)
    with _printed_warnings(), show_progress(quiet=quiet, name=os.path.basename(model)) as progress:
        calibrated = calibrate(
            loaded, recordings, budget, verify=verify or None, every=every, progress=progress
        )
    calibrated.save(output)
    policy = calibrated.alarm_policy
    assert policy is not None
    if as_json:
        result: dict[str, Any] = {"model": output, "state": policy.state}
        result |= {"missing_seconds": policy.missing_seconds, "policy": policy.to_json()}
        text.print_json({**result, **text.warnings_and_findings(policy.findings)})
    else:
        click.echo(text.facts([("model", output), *describe_policy(policy)]))
    return FAILED if policy.state == "refused" else 0


@contextmanager
def _printed_warnings() -> Iterator[None]:
    """Print warnings of auscult, also if an error follows: what was left out may be its cause."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AuscultWarning)
        try:
            yield
        finally:
            for warning in caught:
                text.warn(str(warning.message))
