"""Metadata of recordings: `Clip` describes one audio file, `Corpus` is a sequence of clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, overload

from auscult.corpus.vocabulary import Condition, stated_condition
from auscult.errors import OptionError
from auscult.sound import Waveform
from auscult.sound.tables import TableSettings

Split = Literal["train", "test", "supplemental"]
Domain = Literal["source", "target"]
#: The values of fields that have only a few.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "split": get_args(Split),
    "domain": get_args(Domain),
    "condition": get_args(Condition),
}


@dataclass(frozen=True)
class Clip:
    """The metadata of one recording; an unknown field is ``None``, never guessed.

    Attributes:
        path: the audio file; a name in angle brackets for samples in memory.
        machine: machine type or name (``"fan"``).
        section: section or machine id as written, two digits (``"00"``).
        split: ``"train"``, ``"test"`` or ``"supplemental"``.
        domain: ``"source"`` or ``"target"``.
        condition: ``"normal"`` or ``"anomaly"``. Other words that manifests accept, such as ``"ok"`` and
            ``"broken"``, are replaced by these.
        attributes: parsed attribute pairs (``{"vel": "15"}``); empty if there are none.
        raw_attributes: the attribute part of the file name as written, parsed or not.
        source_recording: identifies the longer recording that this clip was cut from. Clips with the
            same value always stay in the same fold.
        window: start and end in seconds, if the clip is a part of the file.
        unclear: why the condition is unknown although names say something about it, as ``"NAME: reason"``.
        table: how the file is read if it is a table; ``None`` for audio.
        waveform: the samples, if the recording is in memory and not in a file.

    Raises:
        OptionError: ``split``, ``domain`` or ``condition`` is none of these.
    """

    path: str
    machine: str | None = None
    section: str | None = None
    split: Split | None = None
    domain: Domain | None = None
    condition: Condition | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    raw_attributes: str | None = None
    source_recording: str | None = None
    unclear: str | None = None
    window: tuple[float, float] | None = None
    table: TableSettings | None = None
    waveform: Waveform | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, values in _VALUES.items():
            value = getattr(self, name)
            if value is None or (isinstance(value, str) and value in values):
                continue
            condition = stated_condition(value) if name == "condition" and isinstance(value, str) else None
            if condition is None:
                words = ", or a word such as ok, good, faulty or defect" if name == "condition" else ""
                allowed = ", ".join(map(repr, values))
                raise OptionError(f"{name}={value!r}: must be one of {allowed}{words}; None if it is unknown")
            object.__setattr__(self, name, condition)  # the class is frozen

    @property
    def name(self) -> str:
        """The path, with the window if there is one: ``rec.wav (20–30 s)``."""
        return f"{self.path} ({self.window[0]:g}–{self.window[1]:g} s)" if self.window else self.path

    def to_json(self) -> dict[str, Any]:
        """Return the clip as JSON-compatible data, without samples; `from_json` is the inverse.

        Example:
            >>> import auscult
            >>> auscult.Clip("a.wav", machine="fan").to_json()["machine"]
            'fan'
        """
        data = {**vars(self), "attributes": dict(self.attributes)}
        del data["waveform"]
        if self.window is None:
            del data["window"]
        if data.pop("table") is not None:
            data["table"] = self.table.to_json() if self.table else {}
        return {**data, "recording": data.pop("source_recording")}  # the name in manifests and result files

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clip:
        """Create a clip from the output of `to_json`.

        Example:
            >>> import auscult
            >>> clip = auscult.Clip("a.wav", machine="fan")
            >>> auscult.Clip.from_json(clip.to_json()) == clip
            True
        """
        fields = {"source_recording" if key == "recording" else key: data[key] for key in data}
        window, table = fields.pop("window", None), fields.pop("table", None)
        return cls(
            **fields,
            window=None if window is None else (float(window[0]), float(window[1])),
            table=None if table is None else TableSettings.from_json(table),
        )


class Corpus(Sequence[Clip]):
    """A sequence of clips that can be filtered by their fields and split into training and test clips.

    Attributes:
        root: the path that was opened, if it was one.
        conditions: the conditions that the user stated when opening it, pattern to condition.
        other_files: number of files of other kinds in the folder, by extension.
        unused_columns: columns of a manifest that have no meaning to auscult, each with a value of it.
    """

    def __init__(
        self,
        clips: Iterable[Clip],
        *,
        root: str | None = None,
        conditions: Mapping[str, str] | None = None,
        other_files: Mapping[str, int] | None = None,
        unused_columns: Mapping[str, str] | None = None,
    ) -> None:
        self._clips = tuple(clips)
        self.root = root
        self.conditions = dict(conditions or {})
        self.other_files = dict(other_files or {})
        self.unused_columns = dict(unused_columns or {})

    def of(self, clips: Iterable[Clip]) -> Corpus:
        """Return a corpus of other clips that was opened in the same way.

        Example:
            >>> import auscult
            >>> corpus = auscult.Corpus([auscult.Clip("a.wav"), auscult.Clip("b.wav")], root="recordings")
            >>> corpus.of(clip for clip in corpus if clip.path != "a.wav").root
            'recordings'
        """
        return Corpus(
            clips,
            root=self.root,
            conditions=self.conditions,
            other_files=self.other_files,
            unused_columns=self.unused_columns,
        )

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self._clips)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> Corpus: ...
    def __getitem__(self, index: int | slice) -> Clip | Corpus:
        if isinstance(index, slice):
            return self.of(self._clips[index])
        return self._clips[index]

    def __repr__(self) -> str:
        return f"Corpus({len(self)} clips, machines {list(self.machines)}, root={self.root!r})"

    def where(self, **fields: str | None) -> Corpus:
        """Return the clips whose fields all equal the given values: ``corpus.where(split="train")``.

        Example:
            >>> import auscult
            >>> clips = [auscult.Clip("a.wav", domain="source"), auscult.Clip("b.wav", domain="target")]
            >>> corpus = auscult.Corpus(clips)
            >>> [clip.path for clip in corpus.where(domain="target")]
            ['b.wav']
        """
        return self.of(
            c for c in self._clips if all(getattr(c, name) == value for name, value in fields.items())
        )

    def for_training(self) -> Corpus:
        """Return the clips that a model may be fitted on.

        These are the clips of the training split if there is one, otherwise all but test and supplemental
        clips. Clips labelled as anomalies are excluded.

        Example:
            >>> import auscult
            >>> clips = [auscult.Clip("a.wav", split="train"), auscult.Clip("b.wav", split="test")]
            >>> corpus = auscult.Corpus(clips)
            >>> [clip.path for clip in corpus.for_training()]
            ['a.wav']
        """
        clips = [c for c in self._clips if c.split not in ("test", "supplemental")]
        if any(c.split == "train" for c in clips):
            clips = [c for c in clips if c.split == "train"]
        return self.of(c for c in clips if c.condition != "anomaly")

    def for_evaluation(self) -> Corpus:
        """Return the clips that a model may be evaluated on.

        These are the clips of the test split if there is one, otherwise all but training and supplemental
        clips.

        Example:
            >>> import auscult
            >>> clips = [auscult.Clip("a.wav", split="train"), auscult.Clip("b.wav", split="test")]
            >>> corpus = auscult.Corpus(clips)
            >>> [clip.path for clip in corpus.for_evaluation()]
            ['b.wav']
        """
        clips = [c for c in self._clips if c.split not in ("train", "supplemental")]
        if any(c.split == "test" for c in clips):
            clips = [c for c in clips if c.split == "test"]
        return self.of(clips)

    @property
    def machines(self) -> tuple[str | None, ...]:
        """The machines in order of first appearance."""
        return tuple(dict.fromkeys(c.machine for c in self._clips))

    @property
    def sections(self) -> tuple[str | None, ...]:
        """The sections in order of first appearance."""
        return tuple(dict.fromkeys(c.section for c in self._clips))
