"""What a job did when: a picture, and tables that say the same. Pure."""

from collections.abc import Iterator

from bulk.formatting import count_of, format_count, format_duration, format_time
from bulk.report.parts.activity import TimelineEntry
from bulk.report.rendering.document import Block, Figure, Lane, Mark, Row, Section, Table, Tick
from bulk.report.rendering.time_axis import TimeAxis
from bulk.report.report import Report
from bulk.states import ending_label

ROWS_MAX = 200
"""Entries that the table shows; JSON reports have all of them."""
KILLED = "its process was killed"
_NO_END = "killed, or still running"
_LANES = (
    ("run", "Runs", "work"),
    ("events_queued", "Events queued for deletion", "work"),
    ("recordings_requested", "Deletion of recordings requested", "work"),
    ("properties_changed", "Properties changed (read back)", "work"),
    ("persons_deleted", "Persons deleted (read back)", "work"),
    ("interruption", "Interruptions", "break"),
    ("outage", "PostHog did not respond", "break"),
    ("pause", "Pauses that the server asked for", "wait"),
    ("rate_limit", "Waits to stay within the rate limits", "wait"),
    ("catching_up", "Waits for accepted changes to show", "wait"),
    ("second_read", "Waits before a second read", "wait"),
    ("purge_wait", "Waiting for PostHog to purge the events", "wait"),
    ("verification", "Verifications", "work"),
    ("events_purged", "Events purged", "work"),
    ("recordings_deleted", "Recordings deleted", "work"),
    ("files_shredded", "Plan destroyed", "break"),
)
_TITLES = {kind: title for kind, title, _ in _LANES}
_ORDER = {kind: number for number, (kind, _, _) in enumerate(_LANES)}
_RUNS = ("run", "verification")


def timeline_section(report: Report) -> Section:
    """Return the timeline of a job with its runs."""
    entries = (*report.timeline, *_waits(report), *_shredded(report))
    blocks: list[Block] = []
    if entries:
        blocks.append(_figure(entries, report))
        blocks += _table([entry for entry in entries if entry.kind not in _RUNS])
        blocks += _in_all(report)
    blocks.append(_runs(report))
    return Section(title="Timeline", blocks=tuple(blocks))


def _waits(report: Report) -> Iterator[TimelineEntry]:
    """Yield how long the purge of the events was waited for, until the journal's last record if it still is."""
    queued = [entry.ended or entry.started for entry in report.timeline if entry.kind == "events_queued"]
    if not queued:
        return
    purged = [entry.ended or entry.started for entry in report.timeline if entry.kind == "events_purged"]
    still = sum(s.count for axis in report.axes if axis.axis == "events" for s in axis.states if s.state == "queued")
    ended = None if still else max(purged, default=None)
    if still or ended:
        yield TimelineEntry(kind="purge_wait", run=0, started=max(queued), ended=ended, persons=still or None)


def _shredded(report: Report) -> Iterator[TimelineEntry]:
    if report.shredded_at is not None:
        yield TimelineEntry(kind="files_shredded", run=0, started=report.shredded_at, ended=report.shredded_at)


def _figure(entries: tuple[TimelineEntry, ...], report: Report) -> Figure:
    times = [time for entry in entries for time in (entry.started, entry.ended) if time is not None]
    axis = TimeAxis([*times, report.last_entry_at])
    lanes = []
    for kind, title, tone in _LANES:
        marks = tuple(_mark(entry, axis) for entry in entries if entry.kind == kind)
        if marks:
            lanes.append(Lane(title=title, tone=tone, marks=marks))
    spoken = ", ".join(lane.title[0].lower() + lane.title[1:] for lane in lanes)
    return Figure(
        title=f"Timeline of the job from {format_time(axis.first)} to {format_time(axis.last)}",
        description=f"One lane each for: {spoken}. The tables below list the same times.",
        lanes=tuple(lanes),
        ticks=tuple(
            Tick(at=tick.at, day=f"{tick.when:%Y-%m-%d}", time=f"{tick.when:%H:%M} UTC", anchor=tick.anchor)
            for tick in axis.ticks()
        ),
        gaps=axis.gaps,
        gap_note="Dotted: a long time in which nothing happened is left out.",
    )


def _mark(entry: TimelineEntry, axis: TimeAxis) -> Mark:
    start = axis.place(entry.started)
    end = axis.end if entry.ended is None else axis.place(entry.ended)
    words = f"{_TITLES[entry.kind]}: {_time(entry.started)} to {_until(entry)}"
    if entry.persons is not None:
        words += f", {count_of(entry.persons, 'person')}"
    if entry.waited_s is not None:
        words += f", {format_duration(entry.waited_s)} of waiting"
    return Mark(start=start, width=round(max(0.0, end - start), 2), words=words)


def _table(entries: list[TimelineEntry]) -> Iterator[Block]:
    if not entries:
        return
    ordered = sorted(entries, key=lambda entry: (entry.started, _ORDER.get(entry.kind, len(_ORDER))))
    yield Table(
        headings=("From", "To", "What", "Persons"),
        rows=tuple(_row(entry) for entry in ordered[:ROWS_MAX]),
        numeric=frozenset({3}),
        caption="What happened when",
    )
    if len(ordered) > ROWS_MAX:
        yield f"{format_count(len(ordered) - ROWS_MAX)} more are in the JSON report."


def _in_all(report: Report) -> Iterator[Block]:
    """Yield how long the runs waited in all, and how many waits are not listed."""
    if not report.waits:
        return
    yield Table(
        headings=("What", "Times", "In all"),
        rows=tuple(
            (_TITLES.get(one.kind, one.kind), format_count(one.times), format_duration(one.waited_s))
            for one in sorted(report.waits, key=lambda one: _ORDER.get(one.kind, len(_ORDER)))
        ),
        numeric=frozenset({1, 2}),
        caption="Waits of 10 s or more",
    )
    if shorter := sum(one.shorter for one in report.waits):
        yield f"Not listed above: {count_of(shorter, 'shorter wait')}."


def _row(entry: TimelineEntry) -> Row:
    persons = "" if entry.persons is None else format_count(entry.persons)
    return _time(entry.started), _until(entry), _what(entry), persons


def _what(entry: TimelineEntry) -> str:
    if entry.kind == "pause":
        return "Pause that the server asked for"
    if entry.waited_s is not None:
        return f"{_TITLES.get(entry.kind, entry.kind)} ({format_duration(entry.waited_s)})"
    if entry.kind != "interruption":
        return _TITLES.get(entry.kind, entry.kind)
    why = ending_label(entry.reason) if entry.reason else KILLED
    return f"Interruption of run {entry.run}: {why}"


def _until(entry: TimelineEntry) -> str:
    return "still waiting" if entry.ended is None else _time(entry.ended)


def _runs(report: Report) -> Table:
    return Table(
        headings=("Run", "Command", "Started", "Ended", "How it ended", "Version"),
        rows=tuple(
            (
                str(number),
                run.purpose,
                _time(run.started),
                _time(run.ended) if run.ended else "no record",
                ending_label(run.reason) if run.reason else KILLED if number < len(report.runs) else _NO_END,
                run.version,
            )
            for number, run in enumerate(report.runs, 1)
        ),
        numeric=frozenset({0}),
        caption="Runs",
    )


def _time(when: str) -> str:
    return format_time(when, seconds=True)
