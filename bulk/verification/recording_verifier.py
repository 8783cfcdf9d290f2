"""Reads whether the recordings of targets are deleted, and journals the states that follow (guarantee 21).

The recordings are found by the distinct IDs that the plan noted, because the persons are gone. What a read proves is in
`targets.recording_states`. That a person has no recordings that PostHog kept rests on two responses (guarantee 11).
"""

from collections.abc import Iterable, Iterator, Mapping

from asyncclient import PostHogClient
from bulk.concurrency.stop_gate import StopGate
from bulk.concurrency.workers import grouped
from bulk.events import WaitKind
from bulk.journal.job_log import JobLog
from bulk.plan.plan_lines import RecordingNote
from bulk.posthog import person_reader
from bulk.posthog.recordings.recording_reader import NotReadable, RecordingCount, RecordingReader
from bulk.states import Axis
from bulk.targets.observations import Observation
from bulk.targets.reasons import Reason
from bulk.targets.recording_states import READ_BY_VERIFY, SETTLED

OVERDUE_S = 3 * 86_400.0
"""Seconds after the last request until which recordings may be kept; the server states no time (contract 6.7)."""

TARGETS_AT_ONCE = 1000

_SHOWN_NONE_BEFORE = frozenset({Reason.RECORDINGS_NOT_LEFT, Reason.RECORDINGS_NOT_SHOWN})
"""Reasons from an earlier verification that showed no recordings either."""

_NOT_READABLE = {
    NotReadable.NO_SCOPE: Observation.RECORDINGS_NOT_ALLOWED,
    NotReadable.NO_MARKS: Observation.RECORDINGS_NOT_MARKED_HERE,
}


class RecordingVerifier:
    """Reads the recordings whose deletion was requested, and records their states."""

    def __init__(self, job: JobLog, client: PostHogClient, gate: StopGate) -> None:
        self._job = job
        self._gate = gate
        self._reader = RecordingReader(client, gate)

    async def check(self) -> None:
        """Read the recordings of all targets whose deletion was requested and is not read as done.

        Targets whose recordings cannot be read this time keep their state.

        Raises:
            Stopped: the gate closed.
        """
        if without_kept := await self._read(self._to_read(), first={}):
            await self._gate.sleep(person_reader.CONFIRM_AFTER_S, WaitKind.SECOND_READ, targets=len(without_kept))
            await self._read(without_kept, first=without_kept)

    async def _read(self, targets: Iterable[int], *, first: Mapping[int, RecordingCount]) -> dict[int, RecordingCount]:
        """Read the recordings of targets, and record what the responses show.

        Arguments:
            targets: numbers of targets.
            first: what a first response showed, where this is the second one; both together decide.

        Returns:
            What the response showed for targets that a second one has to decide; they keep their state.
        """
        job = self._job
        undecided: dict[int, RecordingCount] = {}
        overdue = job.now() - job.target_states.last_accepted_at > OVERDUE_S
        for numbers in grouped(targets, TARGETS_AT_ONCE):
            notes = job.plan.recording_notes(numbers)
            noted = {number: note.distinct_ids for number, note in notes.items() if note is not None}
            counts = await self._reader.count(noted)
            why = self._reader.not_readable
            observed: dict[int, tuple[Observation, ...]] = {}
            for number, note in notes.items():
                if note is None:
                    observed[number] = (Observation.RECORDINGS_NOT_NOTED,)
                elif number in counts and number not in first and self._needs_second(number, counts[number]):
                    undecided[number] = counts[number]
                elif number in counts:
                    count = all_shown(counts[number], first.get(number, RecordingCount()))
                    observed[number] = (observation_of(note, count, overdue=overdue),)
                elif why is not None:
                    observed[number] = (_NOT_READABLE[why],)
            job.observe("recordings", observed)
        return undecided

    def _needs_second(self, number: int, count: RecordingCount) -> bool:
        """Return whether a second response has to confirm that the server kept no recording of a person."""
        if count.kept:
            return False
        was_known = self._job.target_states.status(Axis.RECORDINGS, number).reason in _SHOWN_NONE_BEFORE
        return count.shown > 0 or not was_known

    def _to_read(self) -> Iterator[int]:
        states = self._job.target_states
        numbers = states.numbers(Axis.RECORDINGS, READ_BY_VERIFY)
        return (number for number in numbers if states.status(Axis.RECORDINGS, number).reason not in SETTLED)


def all_shown(one: RecordingCount, other: RecordingCount) -> RecordingCount:
    """Return what two responses show of the same recordings: each may leave some out."""
    return RecordingCount(kept=max(one.kept, other.kept), marked=max(one.marked, other.marked))


def observation_of(note: RecordingNote, count: RecordingCount, *, overdue: bool) -> Observation:
    """Return what a read of a target's recordings shows.

    Arguments:
        note: what the plan noted of them.
        count: the recordings that the server shows now.
        overdue: whether their deletion was requested so long ago that it should be done.
    """
    if count.kept:
        return Observation.RECORDINGS_KEPT_OVERDUE if overdue else Observation.RECORDINGS_KEPT
    if count.marked:
        return Observation.RECORDINGS_MARKED
    if note.recordings is None:
        return Observation.RECORDINGS_NONE_SHOWN
    return Observation.RECORDINGS_NONE_LEFT if note.recordings else Observation.RECORDINGS_NONE_EVER
