"""A journal of numbered notes."""

import asyncio

import msgspec

from bulk.journal.framing import Framing


class OpenedJob(msgspec.Struct, frozen=True, tag="opened", tag_field="k"):
    job: str


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="k"):
    number: int
    text: str = ""


Line = OpenedJob | Note
FRAMING: Framing[Line] = Framing(Line, job=lambda record: record.job if isinstance(record, OpenedJob) else None)
OPENED = OpenedJob("job-1")


async def turns(count: int = 5) -> None:
    """Let the event loop go round a few times."""
    for _ in range(count):
        await asyncio.sleep(0)
