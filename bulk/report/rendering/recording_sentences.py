"""What a plan that deletes recordings knows of them, in sentences. Pure."""

from collections.abc import Iterator
from typing import Any

from bulk.formatting import count_of


def recording_sentences(findings: dict[str, Any]) -> Iterator[str]:
    """Yield how many recordings PostHog shows, and of which persons their deletion cannot be verified.

    Arguments:
        findings: those of a plan, by kind; without recordings there are no sentences.
    """
    one = findings.get("recordings")
    if not isinstance(one, dict):
        return
    if why := one.get("why"):
        yield f"The deletion of recordings cannot be verified: {why}."
    elif not_counted := int(one.get("not_counted", 0)):
        yield f"The recordings of {count_of(not_counted, 'person')} could not be counted."
    else:
        recordings, persons = int(one.get("count", 0)), int(one.get("persons", 0))
        yield (
            f"PostHog shows {count_of(recordings, 'recording')} of {count_of(persons, 'person')}."
            if recordings
            else "PostHog shows no recordings of these persons."
        )
    if not_noted := int(one.get("not_noted", 0)):
        yield (
            f"The distinct IDs of {count_of(not_noted, 'person')} are not all known, so the deletion of their "
            "recordings cannot be verified."
        )
