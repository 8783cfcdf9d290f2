"""How a plan's query found its persons, in sentences. Pure."""

from collections.abc import Iterator
from typing import Any

from bulk.formatting import count_of, format_time


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
        sentence += f": persons without an event since {_time(since)}"
    for name, words in (
        ("gone", ("does not exist any more", "do not exist any more")),
        ("unread", ("is unread and not in the plan", "are unread and not in the plan")),
    ):
        if count := one.get(name):
            sentence += f"; {count_of(int(count), 'person')} in its result {words[int(count) != 1]}"
    if count := one.get("placeholders"):
        were = "was" if int(count) == 1 else "were"
        sentence += f"; {count_of(int(count), 'placeholder ID')} such as undefined {were} left out"
    yield f"{sentence}."
    if lags := one.get("lags"):
        yield f"Not covered: {lags}."


def _time(when: object) -> str:
    return format_time(when, seconds=True) if isinstance(when, str) else "an unknown time"
