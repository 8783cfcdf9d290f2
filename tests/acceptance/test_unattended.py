"""An unattended job with outages and kills: its log file alone tells the story (guarantees 8, 11, 22 and 24)."""

import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from unattended import Outage, Unattended

from bulk import ByFilter, UpdateProperties

PERSONS = 3000
OUTAGES = (
    Outage(action="list", number=2, for_s=120.0, kind="503"),
    Outage(action="update", number=700, for_s=3.0, kind="refused"),
    Outage(action="update", number=1500, for_s=300.0, kind="lost"),
    Outage(action="update", number=2500, for_s=600.0, kind="silent"),
)
KILLS = (("update", 1000), ("update", 2000))
OTHER_PROGRAMS = (("update", 1750),)

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (INFO|WARNING) (bulk|asyncclient): (.+)")
NOT_REACHABLE = r"server not reachable for .+ s \({}\); next probe in .+ s, giving up in \d+ s"
REACHABLE = r"server reachable again after ([\d.]+) s"
START = r"command update of posthog-bulk .+ started, process \d+"
RUN = r"job {} started, run {}: set the property plan of persons in project 1; (\d+) of 3000 persons left to process"
ABOUT = re.compile(r"about (?:(\d+) min ?)?(?:(\d+) s )?left")
LONGEST_ETA_S = 900.0
"""More than the 12.5 minutes that 3,000 updates take at 240 per minute, with the reads."""


class Record(msgspec.Struct, frozen=True):
    """A line of the log: the time in seconds, the level and the message."""

    at: float
    level: str
    message: str


@pytest.mark.slow
def test_the_log_of_an_unattended_job_has_each_of_its_steps(tmp_path: Path) -> None:
    job = Unattended(tmp_path, persons=PERSONS, outages=OUTAGES, kills=KILLS, others=OTHER_PROGRAMS)
    try:
        codes = [job.run(UpdateProperties({"plan": "vip"}, route="rest"), ByFilter(everyone=True)) for _ in range(3)]
        text = job.log.read_text()
    finally:
        job.bury()
    assert codes == [None, None, 0]
    check_everyone_is_done_once(job)
    check_no_one_is_named(job, text)
    records = read_log(text)
    check_story(records)
    check_outages(records)
    assert max(filter(None, map(eta_s, records))) < LONGEST_ETA_S


def read_log(text: str) -> list[Record]:
    """Return the records of a log; each line is one."""
    records = []
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        assert found is not None, line
        records.append(Record(datetime.fromisoformat(found[1]).timestamp(), found[2], found[4]))
    return records


def check_everyone_is_done_once(job: Unattended) -> None:
    """Check that each person was changed, by one request."""
    changed = Counter(each.path for each in job.server.requests if each.action == "update" and each.applied)
    assert len(changed) == PERSONS
    assert set(changed.values()) == {1}
    persons = [job.server.world.person(uuid) for uuid in job.server.world.iter_uuids()]
    assert {person.properties["plan"] for person in persons if person is not None} == {"vip"}


def check_no_one_is_named(job: Unattended, text: str) -> None:
    """Check that the log holds no person's ID or address, no value and no key."""
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|@|vip", text)
    assert job.server.personal_api_key not in text
    for uuid in job.server.world.iter_uuids():
        person = job.server.world.person(uuid)
        assert person is not None
        assert not [each for each in person.distinct_ids if each in text]


def check_story(records: list[Record]) -> None:
    """Check that the starts, the outages, the pause, the kills, the resumes and the result follow each other."""
    messages = [record.message for record in records]
    name = next(found[1] for message in messages if (found := re.match(r"job (\w+) started", message)))
    story = (
        START,
        NOT_REACHABLE.format("503"),
        REACHABLE,
        r"plan written: 3000 persons, digest \S+",
        RUN.format(name, 1),
        "phase: test batch",
        r"test batch OK: \d+ persons",
        "phase: sending",
        NOT_REACHABLE.format("no connection"),
        REACHABLE,
        START,  # without an end before it: a kill
        RUN.format(name, 2),
        NOT_REACHABLE.format("the connection broke"),
        REACHABLE,
        r"rate limited \(429\): reads and changes wait .+ s, as the server asks",
        START,  # again
        RUN.format(name, 3),
        NOT_REACHABLE.format("no response"),
        REACHABLE,
        "phase: reading back",
        r"run ended: finished; exit code 0; properties: .+",
        "command update ended: exit code 0",
    )
    places, start = [], 0
    for part in story:
        start = next((n for n in range(start, len(messages)) if re.fullmatch(part, messages[n])), -1) + 1
        assert start, f"not in the log, or not there: {part}"
        places.append(start)
    assert places[-1] == len(messages)
    once = {START: 3, REACHABLE: 4, r"run ended: .+": 1, r"command update ended: .+": 1, r"rate limited .+": 1}
    assert {part: sum(bool(re.fullmatch(part, each)) for each in messages) for part in once} == once
    left = [int(found[1]) for each in messages if (found := re.fullmatch(RUN.format(name, r"\d"), each))]
    assert left[0] == PERSONS
    assert left == sorted(left, reverse=True)
    proven = re.findall(r"([\d,]+) (?:changed_confirmed|found_changed)", messages[places[-2] - 1])
    assert sum(int(count.replace(",", "")) for count in proven) == PERSONS


def check_outages(records: list[Record]) -> None:
    """Check that each outage has its beginning and its end, with its duration, and is as long as it was."""
    durations, began = [], None
    for record in records:
        if record.message.startswith("server not reachable"):
            assert record.level == "WARNING"
            began = record.at if began is None else began
        elif found := re.fullmatch(REACHABLE, record.message):
            assert began is not None
            durations.append(float(found[1]))
            assert record.at - began == pytest.approx(durations[-1], abs=31.0)  # the first probe takes up to 30 s
            began = None
    assert began is None
    for outage, duration in zip(OUTAGES, durations, strict=True):
        # noticed when a request times out after 60 s, and over at the first probe after it
        assert outage.for_s - 61.0 <= duration <= outage.for_s + 61.0


def eta_s(record: Record) -> float | None:
    """Return the seconds that a line of progress says are left."""
    found = ABOUT.search(record.message)
    return None if found is None else 60.0 * int(found[1] or 0) + int(found[2] or 0)
