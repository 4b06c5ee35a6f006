"""The simulated recordings for speed measurements, written once to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from auscult.simulation import simulate

#: Number of simulated clips of one machine; further clips are shifted copies of these.
_ORIGINALS = 200


@dataclass(frozen=True)
class Clips:
    """Writes the recordings of a measurement.

    Attributes:
        folder: of all recordings; reused by later runs.
        seconds: default length of a clip.
        originals: number of simulated clips of one machine; further clips are shifted copies of these.
    """

    folder: Path
    seconds: float = 10.0
    originals: int = _ORIGINALS

    def machine(self, count: int, seconds: float | None = None) -> Path:
        """A folder with ``count`` different recordings of one machine.

        Simulating thousands takes minutes, so each further clip is an original with a random cyclic shift.
        """
        seconds = self.seconds if seconds is None else seconds
        simulated = min(count, self.originals)
        root = self.folder / f"{seconds:g} s" / f"{simulated} simulated"
        (home,) = simulate(root, machines=["fan"], clips=max(simulated, 4), test_clips=0, seconds=seconds)
        originals = sorted((home / "train").glob("*.wav"))[:simulated]
        folder = self.folder / f"{seconds:g} s" / f"{count} clips"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(count)
        for number in range(count):
            path = folder / f"normal_{number:05}.wav"
            shift = int(rng.integers(1, 2**31))
            if not path.exists():
                samples, rate = soundfile.read(originals[number % simulated], dtype="int16")
                if number >= simulated:
                    samples = np.roll(samples, shift)
                soundfile.write(path, samples, rate, subtype="PCM_16")
        return folder

    def fleet(self, machines: int, clips: int) -> list[Path]:
        """The training folders of several machines."""
        root = self.folder / f"{self.seconds:g} s" / f"fleets of {clips}"
        homes = simulate(root, machines=machines, clips=clips, test_clips=0, seconds=self.seconds)
        return [home / "train" for home in homes]

    def plant(self, machines: int, clips: int, test_clips: int) -> Path:
        """A root folder of several machines, each with training and test clips."""
        root = self.folder / f"{self.seconds:g} s" / f"plant of {clips} and {test_clips}"
        simulate(root, machines=machines, clips=clips, test_clips=test_clips, seconds=self.seconds)
        return root
