"""ShownProperties: which of the properties that a job removes PostHog lets the user of the key see (guarantee 11).

PostHog's access control may hide a property: responses then lack it without a word, and a call that removes it is
refused (contract 2). So a person lacks a property only if the property was seen, on any person, or a call for it was
accepted.
"""

from collections.abc import Collection, Iterable

from bulk.journal.job_log import JobLog
from bulk.journal.records import PropertiesShown
from bulk.operations import UnsetProperties, UpdatePerPerson
from bulk.posthog.person_reads import Known, properties_of


class ShownProperties:
    """The properties that one job removes, without those that are known to be shown."""

    def __init__(self, job: JobLog) -> None:
        self._job = job
        match job.operation:
            case UnsetProperties():
                removed = frozenset(job.operation.keys)
            case UpdatePerPerson():
                removed = frozenset(job.operation.unset_keys)
            case _:
                removed = frozenset()
        self._not_shown = removed - job.target_states.shown_properties
        self._claimed = set[str]()

    @property
    def is_incomplete(self) -> bool:
        """Whether a property may be hidden."""
        return bool(self._not_shown)

    def not_shown(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return those of these properties that may be hidden, in their order."""
        return tuple(key for key in keys if key in self._not_shown) if self._not_shown else ()

    def claim(self, key: str) -> bool:
        """Return whether a group may find out about this property, which no other group does meanwhile."""
        free = key not in self._claimed
        self._claimed.add(key)
        return free

    def release(self, keys: Iterable[str]) -> None:
        """Let other groups find out about these properties, which one group had claimed."""
        self._claimed.difference_update(keys)

    def note(self, keys: Collection[str]) -> None:
        """Record that persons may have these properties visibly: a response showed them, or a call was accepted."""
        if shown := self._not_shown.intersection(keys):
            self._not_shown -= shown
            self._job.record(PropertiesShown(at=self._job.now(), keys=tuple(sorted(shown))))

    def note_persons(self, persons: Iterable[Known]) -> None:
        """Record the properties that these persons show."""
        if self._not_shown:
            self.note({key for person in persons for key in properties_of(person) if key in self._not_shown})
