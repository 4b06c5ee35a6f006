"""Judges the recordings of a plant as recorders drop them into a folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from auscult.corpus.prefetch import prefetch
from auscult.errors import AudioError, AuscultError, CorpusError, OptionError, StoreError
from auscult.monitor.store import EventStore, JudgedFile
from auscult.monitor.store.judged_records import Result
from auscult.monitor.watch.incoming import Incoming, Look
from auscult.monitor.watch.judge import Judgement, content_digest, declares_length, judge
from auscult.monitor.watch.looks import Looks, unless_full
from auscult.monitor.watch.model_folder import MachineModel, ModelFolder
from auscult.monitor.watch.overdue import OverdueMachines
from auscult.monitor.watch.plant import Plant
from auscult.monitor.watch.reports import Backlog, Counts, FolderProblem, NoRoom, Removed, Report
from auscult.monitor.watch.results import JudgedRecording, Results
from auscult.monitor.watch.settings import WatchSettings
from auscult.monitor.watch.times import recorded
from auscult.runtime.stop_signal import StopSignal
from auscult.sound.audio_names import is_audio_name
from auscult.sound.live.folder_files import SettledFile
from auscult.sound.live.watched_folder import POLL_SHARE, UNDECLARED_FACTOR
from auscult.sound.tables.kinds import EXTENSIONS as TABLE_EXTENSIONS
from auscult.sound.tables.kinds import extension_of

#: While recordings are judged, the folder is looked at again after this time, seconds.
_JUDGING_SECONDS = 10.0
#: Seconds between attempts to write to a store without room.
_ROOM_SECONDS = 2.0


class _Job(NamedTuple):
    file: SettledFile
    model: MachineModel
    arrived: float


class FolderWatch:
    """Judges each recording that appears in a folder by the model of its machine.

    A recording is judged when it is complete, and once, whatever happens to the process. One that cannot be
    read is tried again for half a minute and then listed as unusable until it changes. A file that is written
    again with another content is another recording. A recording that belongs to no machine, as far as is
    clear, is refused until there is a model for it.

    Args:
        models: the models, which are looked at again and again.
        folder: the folder that recorders fill.
        store: where results are written.
        settings: how.
        report: called with each result and with what else happens, in the thread of `run`.

    Attributes:
        counts: numbers of recordings since the start.

    Raises:
        CorpusError: there is no such folder.
        ModelFileError: there are no models.
        OptionError: the store lies in the folder.
        StoreError: the store cannot be read.
    """

    def __init__(
        self,
        models: ModelFolder,
        folder: str | os.PathLike[str],
        store: EventStore,
        settings: WatchSettings | None = None,
        report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self._folder, self._store = os.fspath(folder), store
        self._settings, self._report = settings or WatchSettings(), report
        self._check_folder()
        self.counts = Counts()
        self._stopped = StopSignal()
        self._problems: dict[str, str] = {}
        self._overdue = OverdueMachines(store, self._settings.expected, report)
        source = f"watch:{self._folder}"
        self._plant = Plant(models, store, source, self._settings.assigned, self._overdue, report)
        self._results = Results(store, self._stored, self._wait_for_room)
        self._incoming = Incoming(
            self._folder, self._settings.settle, self._accepts, store.read.judged_files()
        )
        self._looks = Looks(store, self._folder, os.fspath(models.path), self._settings)

    @property
    def without_interval(self) -> list[str]:
        """The machines of which it is not known yet how often recordings arrive."""
        return self._overdue.unknown

    def stop(self) -> None:
        """End `run` soon, after the recordings that are being judged."""
        self._stopped.set()

    def run(self, *, once: bool = False) -> None:
        """Watch until `stop` is called, from another thread or a signal handler.

        Args:
            once: judge what is there, and return; what is being written is left for the next time.

        Raises:
            CorpusError: with ``once``, the folder cannot be listed.
            StoreError: the store cannot be written, for another reason than room.
        """
        models_changed = True  # since the process that refused recordings
        while not self._stopped.is_set():
            began = time.monotonic()
            look = self._look(once=once)
            looking = time.monotonic() - began
            left: list[SettledFile] = []
            if look is not None:
                if models_changed and (again := self._assign_refused()):
                    look.changing += again
                    self._looks.begin_settling()
                left = self._judge(look)
                self._looks.write(running=True)
                self._overdue.check(partial(self._machines_of, left))
                if once and not left and self._is_finished(look):
                    self.counts.changing = look.changing
                    break
            if not left:
                self._stopped.wait(max(self._settings.poll, POLL_SHARE * looking))
            models_changed = self._plant.refresh() or (models_changed and look is None)
        self._results.flush()
        self._looks.write(running=False)

    def _check_folder(self) -> None:
        if not os.path.isdir(self._folder):
            raise CorpusError(self._folder, "no such folder")
        store = os.path.join(os.path.realpath(self._store.folder), "")
        if store.startswith(os.path.join(os.path.realpath(self._folder), "")):
            raise OptionError(
                f"the event store {self._store.folder} is in the folder that is watched, and contains sound "
                "itself: choose another folder for it"
            )

    def _accepts(self, path: str) -> bool:
        name = os.path.basename(path)
        return is_audio_name(name) or (self._plant.of_tables and extension_of(name) in TABLE_EXTENSIONS)

    def _look(self, *, once: bool) -> Look | None:
        """Look at the folder; ``None`` if it cannot be listed."""
        self._looks.begin()
        try:
            look = self._incoming.look()
        except OSError as error:
            if once:
                reason = error.strerror or str(error)
                raise CorpusError(self._folder, f"cannot be listed: {reason}") from error
            self._set_problems({self._folder: error.strerror or str(error)})
            return None
        self._looks.end()
        self._set_problems(
            {os.path.join(self._folder, name): reason for name, reason in self._incoming.unlisted.items()}
        )
        if look.gone or look.back:
            unless_full(lambda: self._store.judged.mark_gone(look.gone, look.back, time.time()))
        return look

    def _set_problems(self, problems: dict[str, str]) -> None:
        """Report the folders that cannot be listed, and those that can be listed again."""
        before, self._problems = self._problems, problems
        for folder in problems.keys() - before.keys():
            self._report(FolderProblem(folder, problems[folder]))
        for folder in before.keys() - problems.keys():
            self._report(FolderProblem(folder, ""))

    def _is_finished(self, look: Look) -> bool:
        """Whether nothing is left but files that were changed since the first look."""
        if look.due or look.retrying:
            return False
        return not look.changing or self._looks.settled

    def _judge(self, look: Look) -> list[SettledFile]:
        """Judge what is due, for a limited time; return the rest."""
        begun = 0
        deadline = time.monotonic() + _JUDGING_SECONDS

        def jobs() -> Iterator[_Job]:
            nonlocal begun
            for file in look.due:
                if self._stopped.is_set() or time.monotonic() > deadline:
                    return
                begun += 1
                if job := self._job(file):
                    yield job

        def outcome_of(job: _Job) -> Judgement | Exception | None:
            try:
                return self._outcome(job)
            except AudioError:
                raise
            except Exception as error:  # one recording must not stop the others
                return error

        for job, outcome in prefetch(jobs(), outcome_of, threads=self._settings.threads):
            if isinstance(outcome, Judgement):
                modified = job.file.version.modified / 1e9
                self._results.add_judgement(outcome, recorded(modified, job.arrived), job.arrived)
                self._incoming.done(job.file.name, job.file.version, outcome.digest)
                self._overdue.arrived(job.model.machine, job.arrived)
            elif isinstance(outcome, Exception):
                self._failed(job, outcome)
            self._report(Backlog(self.counts.judged, len(look.due) - begun))
        self._results.flush()
        return look.due[begun:]

    def _job(self, file: SettledFile) -> _Job | None:
        """Return what is to be judged; ``None`` if a file is refused, or is known by another name or time."""
        arrived = self._looks.arrival(file)
        assignment = self._plant.assign(file.name, self._incoming.siblings(file.name))
        if assignment.machine is None:
            self._not_judged(file, None, arrived, "refused", assignment.reason)
            return None
        try:
            digest = partial(content_digest, os.path.join(self._folder, file.name))
            if (known := self._incoming.same_recording(file, digest)) is not None:
                self._rename(known, file)
                return None
            return _Job(file, self._plant.model(assignment.machine), arrived)
        except AudioError:  # it has been deleted, or cannot be read: the next look tells
            return None
        except AuscultError as error:
            self._not_judged(file, None, arrived, "refused", f"the model cannot be used: {error}")
            return None

    def _outcome(self, job: _Job) -> Judgement | None:
        """Judge a recording, in a thread; ``None`` if it may not be complete."""
        path = os.path.join(self._folder, job.file.name)
        young = job.file.seconds < UNDECLARED_FACTOR * self._settings.settle
        if young and not declares_length(path, job.model):
            return None
        return judge(path, job.file, job.model)

    def _failed(self, job: _Job, error: Exception) -> None:
        if not os.path.lexists(os.path.join(self._folder, job.file.name)):
            self.counts.removed += 1
            self._report(Removed(job.file.name))
        elif not isinstance(error, AudioError) or not self._incoming.failed(job.file):
            reason = error.reason if isinstance(error, AudioError) else str(error)
            if not isinstance(error, AuscultError):
                logging.getLogger("auscult").error("%s", job.file.name, exc_info=error)
                reason = f"unexpected error: {error!r}"
            self._overdue.arrived(job.model.machine, job.arrived)
            self._not_judged(job.file, job.model.machine, job.arrived, "unusable", reason)

    def _not_judged(
        self, file: SettledFile, machine: str | None, arrived: float, result: Result, reason: str
    ) -> None:
        """Store that a recording is unusable or refused."""
        time_of = recorded(file.version.modified / 1e9, arrived)
        self._results.add_failure(
            JudgedFile(
                file.name, machine, *file.version, "", time_of, arrived, result, detail={"reason": reason}
            )
        )
        self._incoming.done(file.name, file.version, "", refused=result == "refused")

    def _rename(self, known: str, file: SettledFile) -> None:
        digest = self._incoming.known[known].digest
        unless_full(lambda: self._store.judged.rename(known, file.name, *file.version))
        self._incoming.forget(known)
        self._incoming.done(file.name, file.version, digest)
        self.counts.same += 1

    def _machines_of(self, files: Iterable[SettledFile]) -> set[str | None]:
        """The machines of files that wait."""
        return {self._plant.assign(f.name, self._incoming.siblings(f.name)).machine for f in files}

    def _assign_refused(self) -> int:
        """Have the recordings judged that were refused and belong to a machine now; return their number."""
        names = [
            name
            for name in self._incoming.refused()
            if self._plant.assign(name, self._incoming.siblings(name)).machine is not None
        ]
        for name in names:
            self._incoming.forget(name)
        return len(names)

    def _stored(self, recording: JudgedRecording) -> None:
        self.counts.add(recording.file.result)
        self._report(recording)

    def _wait_for_room(self, error: StoreError) -> bool:
        self._report(NoRoom(str(error)))
        return not self._stopped.wait(_ROOM_SECONDS)
