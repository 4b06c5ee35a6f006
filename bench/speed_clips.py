"""The simulated recordings that speed is measured on, made once in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from auscult.simulation import simulate

#: Simulated clips of one machine; more are these, each begun at another sample.
_ORIGINALS = 200


@dataclass(frozen=True)
class Clips:
    """Where recordings come from.

    Attributes:
        folder: kept between runs.
        seconds: length of the usual clip.
        originals: simulated clips of one machine before they are begun at other samples.
    """

    folder: Path
    seconds: float = 10.0
    originals: int = _ORIGINALS

    def machine(self, count: int, seconds: float | None = None) -> Path:
        """A folder of so many recordings of one machine, no two alike.

        Simulating thousands takes minutes, so what is beyond the originals is an original cut in two and put
        together the other way round.
        """
        seconds = self.seconds if seconds is None else seconds
        simulated = min(count, self.originals)
        root = self.folder / f"{seconds:g} s" / f"{simulated} simulated"
        (home,) = simulate(root, machines=["fan"], clips=max(simulated, 4), test_clips=0, seconds=seconds)
        originals = sorted((home / "train").glob("*.wav"))[:simulated]
        chosen = self.folder / f"{seconds:g} s" / f"{count} clips"
        chosen.mkdir(exist_ok=True)
        rng = np.random.default_rng(count)
        for number in range(count):
            path = chosen / f"normal_{number:05}.wav"
            cut = int(rng.integers(1, 2**31))
            if not path.exists():
                samples, rate = soundfile.read(originals[number % simulated], dtype="int16")
                beyond = number >= simulated
                soundfile.write(path, np.roll(samples, cut) if beyond else samples, rate, subtype="PCM_16")
        return chosen

    def fleet(self, machines: int, clips: int) -> list[Path]:
        """The training folders of so many machines."""
        root = self.folder / f"{self.seconds:g} s" / f"fleets of {clips}"
        homes = simulate(root, machines=machines, clips=clips, test_clips=0, seconds=self.seconds)
        return [home / "train" for home in homes]

    def plant(self, machines: int, clips: int, test_clips: int) -> Path:
        """A root of so many machines, each with training and test clips."""
        root = self.folder / f"{self.seconds:g} s" / f"plant of {clips} and {test_clips}"
        simulate(root, machines=machines, clips=clips, test_clips=test_clips, seconds=self.seconds)
        return root
