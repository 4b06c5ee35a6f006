"""How much faster than real time a machine is scored."""

from __future__ import annotations

#: Seconds of sound after which what was measured counts half.
_HALF_LIFE = 60.0


class Pace:
    """Seconds of sound scored per second of work, over about the last minutes.

    Below 1 a machine cannot be followed. The work is measured in time that passes, so it includes waiting
    for other machines that are scored meanwhile.
    """

    def __init__(self) -> None:
        self._sound = self._work = 0.0

    def add(self, sound: float, work: float) -> None:
        """Add seconds of sound, and the seconds that scoring it took."""
        kept = 0.5 ** (sound / _HALF_LIFE)
        self._sound, self._work = kept * self._sound + sound, kept * self._work + work

    @property
    def factor(self) -> float | None:
        """The factor; ``None`` before anything was scored."""
        return self._sound / self._work if self._work > 0 else None
