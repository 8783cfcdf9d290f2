"""Selection to plan file: the only stage that lists. Reads only; freezes whom an operation is for.

The file appears whole or not at all, whenever the work is cut short.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from asyncclient import Bucket, ClientEvent, PostHogClient, RequestFinished
from bulk.errors import BulkError, InputError, NotFinished, Refused
from bulk.events import PlanProgress
from bulk.files.private_files import refuse_existing
from bulk.operations import Operation, UnsetProperties, to_dict
from bulk.plan.plan_file import FORMAT, Plan, PlanHeader, PlanWriter
from bulk.selection.input_findings import Findings
from bulk.selection.resolver import Resolver
from bulk.selection.selections import ByFilter, Selection
from bulk.version import VERSION

HOUR_S = 3600.0


async def make_plan(
    client: PostHogClient,
    operation: Operation,
    selection: Selection,
    path: Path | str,
    *,
    on_progress: Callable[[PlanProgress], None] | None = None,
    page_size: int = 1000,
    concurrency: int = 4,
    now: Callable[[], float] | None = None,
) -> Plan:
    """Freeze the targets of an operation in a plan file, having only read (contract 6.1, 6.11, 12).

    Of those whom a filter selects, or everyone, `UnsetProperties` takes the persons that have one of the properties.

    Args:
        client: set to the project by its number.
        operation: what is to be done to each target.
        selection: whom it is for.
        path: the plan file; must not exist.
        on_progress: called after every few requests.
        page_size: persons a page of listings, 1 to 1000.
        concurrency: requests at once, at least 1.
        now: the time in epoch seconds; None for the server's clock.

    Raises:
        InputError: the selection is empty, or its input is; nothing was asked of the server.
        Refused: the selection matched no person.
        NotFinished: no person that it selects could be read.
        FileTrouble: the plan file exists already, or cannot be written; or the input cannot be read.
        PostHogError: the server could not be asked.
    """
    path = Path(path)
    project_id = _checked(client, selection, page_size, concurrency)
    refuse_existing(path)
    findings, clock = Findings(), now or client.server_time
    requests = _Counter()
    reading = client.observed(requests)
    with Resolver(
        reading,
        selection,
        findings,
        page_size=page_size,
        concurrency=concurrency,
        holding=operation.keys if isinstance(operation, UnsetProperties) else (),
    ) as resolver:
        await resolver.begin()
        project = await reading.projects.get(project_id)
        header = PlanHeader(
            format=FORMAT,
            project_id=project_id,
            project_name=project.name,
            host=client.origin,
            operation=to_dict(operation),
            selection={"summary": selection.summary(), "details": selection.details()},
            created_at=datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds"),
            version=VERSION,
        )
        with PlanWriter.create(path, header) as writer:
            async for found in resolver.targets():
                for ref, distinct_id in found:
                    writer.add(ref.uuid, ref.created_at, distinct_id)
                if on_progress is not None:
                    on_progress(PlanProgress(seen=findings.seen, targets=writer.count, requests=requests.count))
            if not writer.count:
                raise _nobody(findings)
            return writer.finish(spent=_spent(client, clock()), findings=findings.to_list(requests=requests.count))


class _Counter:
    """Counts requests."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: ClientEvent) -> None:
        self.count += isinstance(event, RequestFinished)


def _checked(client: PostHogClient, selection: Selection, page_size: int, concurrency: int) -> int:
    if isinstance(selection, ByFilter) and selection.is_empty:
        raise InputError("the selection is empty: name whom it is for, or say everyone=True (--everyone)")
    if not 1 <= page_size <= 1000:
        raise InputError(f"page_size is {page_size}: give 1 to 1000")
    if concurrency < 1:
        raise InputError(f"concurrency is {concurrency}: give 1 or more")
    if not isinstance(client.project_id, int):
        raise InputError("a plan needs the number of the project: @current can change at any moment")
    return client.project_id


def _nobody(findings: Findings) -> BulkError:
    """What planning ends with when there is no target."""
    if unread := len(findings.unread) + findings.unread_persons:
        return NotFinished(f"{unread:,} persons that may be selected could not be read, and nobody else is selected")
    return Refused(*_why_nobody(findings))


def _why_nobody(findings: Findings) -> tuple[str, str]:
    if findings.discovery:
        return "nobody who is selected has any of the properties", "check the keys; if they are right, all is done"
    if not findings.lines:
        return "nobody matches the selection", "check the filters and the project"
    refused = sum(len(lines) for lines in findings.refused.values())
    if refused == findings.lines:
        reasons = ", ".join(sorted(reason.value for reason in findings.refused))
        return f"none of the {refused} lines can be used ({reasons})", "correct the input"
    if refused:
        return f"nobody matches any of the {findings.lines} lines, {refused} of which cannot be used", (
            "check the input and the project"
        )
    return f"nobody matches any of the {findings.lines} lines", "check the input and the project"


def _spent(client: PostHogClient, now: float) -> dict[str, list[float]]:
    """When the requests were made that count in the limits' windows now, for whoever runs the plan
    (promise 13)."""
    spent: dict[str, list[float]] = {}
    for bucket in Bucket:
        ages = [age for age in client.limits.recent(bucket) if age < HOUR_S]
        if ages:
            spent[bucket.value] = sorted(round(now - age, 3) for age in ages)
    return spent
