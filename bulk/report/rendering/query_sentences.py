"""How a plan's query found its persons, in sentences. Pure."""

from collections.abc import Iterator
from typing import Any

from bulk.formatting import format_count, format_time


def query_sentences(findings: dict[str, Any]) -> Iterator[str]:
    """Yield which point in time a query describes, what became of the persons it names, and what it may miss.

    Arguments:
        findings: those of a plan, by kind; without a query there are no sentences.
    """
    one = findings.get("query")
    if not isinstance(one, dict):
        return
    sentence = f"The query describes the project as of {_time(one.get('as_of'))}"
    if since := one.get("inactive_since"):
        sentence += f", and persons without an event at or after {_time(since)}"
    for name, words in (
        ("gone", "in its result do not exist any more"),
        ("unread", "in its result could not be read and are not in the plan"),
    ):
        if count := one.get(name):
            sentence += f"; {format_count(int(count))} persons {words}"
    if count := one.get("placeholders"):
        sentence += f"; {format_count(int(count))} placeholder IDs such as undefined were left out"
    yield f"{sentence}."
    if lags := one.get("lags"):
        yield f"Not covered: {lags}."


def _time(when: object) -> str:
    return format_time(when, seconds=True) if isinstance(when, str) else "an unknown time"
