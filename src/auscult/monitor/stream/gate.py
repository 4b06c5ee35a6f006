"""Whether a machine is running: only then its scores mean something.

A machine that is off is quieter than it ever was in normal running, and in most bands, even where another
machine nearby is loud in some of them. The gate compares the spectrum of the last second with the range of
the normal recordings, band by band. After a start, scores count only when the machine has settled; before a
stop, the scores of the last seconds are withdrawn, since the machine was running down already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.errors import OptionError
from auscult.model.normal_range import SpectrumRange

#: Largest values. While scores are held back there is no alarm, and their windows are kept in memory.
_LARGEST = {"off_margin": 200.0, "settle": 86400.0, "run_down": 600.0, "longest_off": 366 * 86400.0}

State = Literal["off", "starting", "running", "stopping"]


@dataclass(frozen=True)
class GateSettings:
    """When a machine counts as running.

    Attributes:
        off_margin: a machine is off if half of the bands are below the lowest normal level by more than this,
            dB.
        settle: seconds after a start in which the machine is not judged.
        run_down: seconds before a stop whose scores are withdrawn; all scores are held back for so long.
        longest_off: seconds after which it is reported that the machine is still off, since a noisy sensor
            that is not connected sounds the same; 0: never.

    Raises:
        OptionError: a value is negative or too large.
    """

    off_margin: float = 6.0
    settle: float = 10.0
    run_down: float = 3.0
    longest_off: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= _LARGEST[name]:
                raise OptionError(f"{name}={value:g}: give a number from 0 to {_LARGEST[name]:g}")


class RunningGate:
    """Follows the state of a machine from spectra of successive seconds.

    Args:
        normal: the range of the mean spectra of the normal recordings; ``None`` if it is unknown: then the
            machine always counts as running.
        settings: the limits.

    Attributes:
        state: the current state.
        since: seconds at which it began; ``None`` before the first spectrum.
    """

    def __init__(self, normal: SpectrumRange | None, settings: GateSettings | None = None) -> None:
        self.settings = settings or GateSettings()
        self.state: State = "running"
        self.since: float | None = None
        self._normal = normal

    def push(self, time: float, spectrum: np.ndarray) -> State:
        """Add the mean spectrum of about a second.

        Args:
            time: seconds at its end.
            spectrum: (n_mels,) log-mel, dB.

        Returns:
            The state: ``stopping`` while the machine is quiet for less than the run-down time.
        """
        if self.since is None:
            self.since = time
        quiet = self._is_quiet(spectrum)
        elapsed = time - self.since
        if quiet:
            if self.state in ("running", "starting"):
                self._change("stopping", time)
            elif self.state == "stopping" and elapsed >= self.settings.run_down:
                self._change("off", time)
        elif self.state == "stopping":
            self._change("running", time)  # quiet for a moment only
        elif self.state == "off":
            self._change("starting", time)
        elif self.state == "starting" and elapsed >= self.settings.settle:
            self._change("running", time)
        return self.state

    def is_off_for_too_long(self, time: float) -> bool:
        """Return whether the machine has been off for longer than it may be."""
        longest = self.settings.longest_off
        return self.state == "off" and 0 < longest < time - (self.since or 0.0)

    def _is_quiet(self, spectrum: np.ndarray) -> bool:
        if self._normal is None:
            return False
        return bool(np.median(self._normal.low - spectrum) > self.settings.off_margin)

    def _change(self, state: State, time: float) -> None:
        self.state, self.since = state, time
