"""What each real-world input file leads to: the exact input check, verdict and exit code, or the exact refusal."""

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulk.plan.plan_file import load_plan
from bulk.selection.input_findings import by_kind

Run = Callable[..., Any]
PERSON = "018f5a3e-1111-7222-8333-444455556666"
IDS = ("--distinct-ids", "in")
GONE = ("1 person gone (confirmed by reading back).", "{0} persons gone (confirmed by reading back).")
EVENTS = (
    "Distinct IDs that match no person may still have events that belong to no person; the job does not delete those."
)
CLEANED = (
    "Not selected: 1 line that matches no person would match 1 person without whitespace, quotes or invisible "
    "characters; to select them, correct the file."
)
WIDER = (
    "Not selected: {} no person would match {} without whitespace and quotes, and with "
    "--email-match ignore-case --email-keys 'email,Email,$email,distinct_id'."
)


def workbook(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x" * 100)
    return file.getvalue()


def exported(*numbers: int) -> bytes:
    rows = (
        {"uuid": PERSON, "created_at": "2026-01-01T00:00:00Z", "distinct_ids": [f"user-{n}"], "properties": {}}
        for n in numbers
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture
def people(posthog: Any) -> Any:
    world = posthog.server.world
    world.add_person(["tab\tand\nline"], {})
    world.add_person(["m-1"], {"email": "Ann@Example.com"})
    world.add_person(["m-2"], {"email": "ann@example.com"})
    world.add_person(["m-3"], {"$email": "bob@example.com"})
    world.add_person([f"alias-{number}" for number in range(12)], {})
    return posthog


# input, options, persons, rows of the input check, sentences after it, coverage in the verdict
READ: dict[str, tuple[bytes, tuple[str, ...], int, list[str], list[str], str]] = {
    "clean": (b"user-1\nuser-2\n", IDS, 2, ["Lines read 2", "Lines that matched no person 0"], [], ""),
    "gzip": (
        gzip.compress(b"user-1\nuser-2\n", mtime=0),
        IDS,
        2,
        ["Lines read 2", "Lines that matched no person 0"],
        [],
        "",
    ),
    "UTF-16 with a mark": (
        "user-1\r\nuser-2\r\n".encode("utf-16"),
        IDS,
        2,
        ["Lines read 2", "Lines that matched no person 0"],
        [],
        "",
    ),
    "UTF-16 without a mark": (
        "user-1\nuser-2\n".encode("utf-16-le"),
        IDS,
        2,
        ["Lines read 2", "Lines that matched no person 0"],
        [],
        "",
    ),
    "CR line ends": (b"user-1\ruser-2\r", IDS, 2, ["Lines read 2", "Lines that matched no person 0"], [], ""),
    "semicolons": (
        b"Name;ID\r\nAnn;user-1\r\n",
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "tabs": (
        "name\tid\nAnn\tuser-1\n".encode("utf-16"),
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "sep=;": (
        b"sep=;\r\nname;id\r\nAnn;user-1\r\n",
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "a header with blanks": (
        b" Distinct  ID ,n\nuser-1,1\n",
        (*IDS, "--column", "distinct id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "JSON lines of persons": (
        exported(1, 2, 999),
        IDS,
        2,
        ["Lines read 3", "Lines that matched no person 1 3"],
        [EVENTS],
        "1 of 3 input lines is not covered (1 matched no person)",
    ),
    "JSON lines after a blank line": (
        b"\n" + exported(1, 2),
        IDS,
        2,
        ["Lines read 3", "Lines that matched no person 0", "Lines refused: blank 1 1"],
        [],
        "1 of 3 input lines is not covered (1 refused)",
    ),
    "a CSV file after a blank line": (
        b"\r\nname,id\r\nAnn,user-1\r\n",
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "the CSV of persons": (
        b'uuid,distinct_ids,properties,created_at\n%s,"[""user-1""]",{},2026-01-01\n' % PERSON.encode(),
        IDS,
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "a quoted ID with a tab and a line end": (
        b'id,n\n"tab\tand\nline",1\n',
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "a cell of more than 64 kB in another column": (
        b"note,id\n" + b"x" * 200_000 + b",user-1\n",
        (*IDS, "--column", "id"),
        1,
        ["Lines read 1", "Lines that matched no person 0"],
        [],
        "",
    ),
    "a line of cp1252": (
        b"user-1\nm\xfcller\n",
        IDS,
        1,
        ["Lines read 2", "Lines that matched no person 0", "Lines refused: not UTF-8 1 2"],
        [],
        "1 of 2 input lines is not covered (1 refused)",
    ),
    "whitespace": (
        b"user-1\n user-2\n",
        IDS,
        1,
        [
            "Lines read 2",
            "Lines that matched no person 1 2",
            "- leading or trailing whitespace 1 2",
            "- would match without whitespace, quotes or invisible characters 1 2",
        ],
        [CLEANED, EVENTS],
        "1 of 2 input lines is not covered (1 matched no person)",
    ),
    "quotes": (
        b'user-1\n"user-2"\n',
        IDS,
        1,
        [
            "Lines read 2",
            "Lines that matched no person 1 2",
            "- wrapped in quotes 1 2",
            "- would match without whitespace, quotes or invisible characters 1 2",
        ],
        [CLEANED, EVENTS],
        "1 of 2 input lines is not covered (1 matched no person)",
    ),
    "invisible characters": (
        "user-1\nuser-\u200b2\n".encode(),
        IDS,
        1,
        [
            "Lines read 2",
            "Lines that matched no person 1 2",
            "- invisible characters, or another Unicode form 1 2",
            "- would match without whitespace, quotes or invisible characters 1 2",
        ],
        [CLEANED, EVENTS],
        "1 of 2 input lines is not covered (1 matched no person)",
    ),
    "a separator": (
        b"user-1\nuser-2;Bob\n",
        IDS,
        1,
        [
            "Lines read 2",
            "Lines that matched no person 1 2",
            "- contains a separator: if the file is CSV, name its column with --column 1 2",
        ],
        [EVENTS],
        "1 of 2 input lines is not covered (1 matched no person)",
    ),
    "scientific notation and lost zeros": (
        b"user-1\n1.2E+11\n42\n",
        IDS,
        1,
        [
            "Lines read 3",
            "Lines that matched no person 2 2-3",
            "- only digits or scientific notation: a spreadsheet may have changed it 2 2-3",
        ],
        [EVENTS],
        "2 of 3 input lines are not covered (2 matched no person)",
    ),
    "emails and UUIDs under --distinct-ids": (
        f"user-1\nann@example.com\n{PERSON}\n".encode(),
        IDS,
        1,
        [
            "Lines read 3",
            "Lines that matched no person 2 2-3",
            "- looks like a UUID: for UUIDs, use --uuids 1 3",
            "- looks like an email: for emails, use --emails 1 2",
        ],
        [EVENTS],
        "2 of 3 input lines are not covered (2 matched no person)",
    ),
    "IDs under --emails": (
        b"ann@example.com\nuser-1\n",
        ("--emails", "in"),
        1,
        ["Lines read 2", "Lines that matched no person 0", "Lines refused: not an email 1 2"],
        ["If the lines that are not emails are distinct IDs, use --distinct-ids."],
        "1 of 2 input lines is not covered (1 refused)",
    ),
    "emails that a wider match finds": (
        b"ann@example.com\nANN@example.com\nbob@example.com\nno@example.com\n",
        ("--emails", "in"),
        1,
        [
            "Lines read 4",
            "Lines that matched no person 3 2-4",
            "- would match in another case, under another key, or without whitespace and quotes 2 2-3",
        ],
        [WIDER.format("2 lines that match", "3 persons")],
        "3 of 4 input lines are not covered (3 matched no person)",
    ),
    "the wider match on request": (
        b"ANN@example.com\nbob@example.com\n",
        ("--emails", "in", "--email-match", "ignore-case", "--email-keys", "email,$email"),
        3,
        ["Lines read 2", "Lines that matched no person 0", "Lines that match several persons 1"],
        ["Line 1 matches 2 persons: persons 0-1 of the plan."],
        "",
    ),
    "a person with many distinct IDs": (
        b"user-1\nalias-3\nalias-4\n",
        IDS,
        2,
        [
            "Lines read 3",
            "Lines that matched no person 0",
            "Lines that name a person already selected 1 3",
            "Persons with 10 or more distinct IDs (may be several people) 1",
        ],
        ["Person 1 of the plan, selected by line 2, has 12 distinct IDs."],
        "",
    ),
    "lines that repeat others": (
        b"user-1\nnobody\nuser-1\nnobody\nnobody\n",
        IDS,
        1,
        [
            "Lines read 5",
            "Lines that matched no person 1 2",
            "Lines that repeat an earlier one 3 3-5",
            "- repeat a line that is not covered 2 4-5",
        ],
        [EVENTS],
        "3 of 5 input lines are not covered (1 matched no person, 2 repeated from such lines)",
    ),
    "three of four lines": (
        b"user-1\nnobody\nnobody too\nnull\n",
        IDS,
        1,
        ["Lines read 4", "Lines that matched no person 2 2-3", "Lines refused: placeholder ID 1 4"],
        [EVENTS],
        "3 of 4 input lines are not covered (2 matched no person, 1 refused)",
    ),
}


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize("case", READ)
def test_a_file_leads_to_its_review_verdict_and_exit_code(run: Run, people: Any, case: str) -> None:
    data, options, persons, rows, sentences, coverage = READ[case]
    Path("in").write_bytes(data)
    result = run("delete", *options, "--yes", "--expect-count", persons)
    assert result.code == 0, result.err
    unmatched = re.search(r"([0-9,]+) matched no person", coverage)
    hint = [] if unmatched is None else [_hint(unmatched[1])]
    assert input_check(result.out) == [*rows, *sentences, *hint]
    gone = GONE[int(persons) != 1].format(persons)
    verdicts = [line for line in result.out.splitlines() if line.startswith(("Complete: ", "Needs attention: "))]
    assert verdicts == [f"Needs attention: {coverage}." if coverage else f"Complete: {gone}"]
    brief = coverage.replace(" are not covered", "").replace(" is not covered", "")
    review = [re.sub(" {2,}", " ", line) for line in result.out.splitlines()]
    assert (f"Not covered {brief}" in review) is bool(coverage)
    (journal,) = Path().glob("*.journal.jsonl")
    state = f"NEEDS ATTENTION {coverage}." if coverage else f"COMPLETE {gone}"
    for _ in range(2):  # with the plan, then without it
        head, results = run("report", journal).out.partition("\nResults\n")[::2]
        assert " ".join(head.split("\n\n")[1].split()).startswith(state)
        ran = f"Done: {persons} of {persons} persons deleted (confirmed by reading back)"
        assert " ".join(results.split()).startswith(f"{ran}; {coverage}." if coverage else f"{ran}.")
        Path(str(journal).replace("journal", "plan")).unlink(missing_ok=True)


def _hint(unmatched: str) -> str:
    which = "line that matches no person has" if unmatched == "1" else "lines that match no person have"
    return (
        f"If the {which} none in PostHog, add --expect-unmatched {unmatched} to the run, which records it as covered."
    )


def input_check(out: str) -> list[str]:
    """The input check of a review: rows with single spaces between the cells, then sentences."""
    lines = out.partition("Input check\n")[2].splitlines()
    block = [line.strip() for line in lines[1 : next(i for i, line in enumerate(lines) if not line.startswith("  "))]]
    return [re.sub(" {2,}", " ", line) for line in block if not set(line) <= {"-", " "}]


# input, options, message
REFUSED: dict[str, tuple[bytes, tuple[str, ...], str, int]] = {
    "xlsx": (
        workbook("[Content_Types].xml"),
        IDS,
        "in is an Excel workbook (.xlsx): save the sheet as CSV (UTF-8), and name its column with --column",
        2,
    ),
    "zip": (workbook("ids.txt"), IDS, "in is a zip archive: extract it, and give the file that it contains", 2),
    "half a gzip file": (
        gzip.compress(b"user-1\n" * 100, mtime=0)[:-4],
        IDS,
        "in is incomplete: its gzip data ends early; copy or make the file again",
        2,
    ),
    "a JSON array of persons": (
        b'[{"uuid": "%s", "distinct_ids": ["user-1"]}]\n' % PERSON.encode(),
        IDS,
        "in is a JSON array: write one item per line, as jq -rc '.[]' does, and give that file",
        2,
    ),
    "a JSON array of IDs over several lines": (
        b'[\n  "user-1",\n  "user-2"\n]\n',
        IDS,
        "in is a JSON array: write one item per line, as jq -rc '.[]' does, and give that file",
        2,
    ),
    "a JSON array of 100 kB in one line": (
        b'["' + b'", "'.join([b"user-1"] * 10_000) + b'"]',
        IDS,
        "in is a JSON array: write one item per line, as jq -rc '.[]' does, and give that file",
        2,
    ),
    "a person in JSON over several lines": (
        b'{\n  "uuid": "a"\n}\n',
        IDS,
        "in is JSON over several lines: write one person per line, as jq -c . does",
        2,
    ),
    "a page of the API": (
        b'{"results": [{"uuid": "a"}], "next": null}\n',
        IDS,
        (
            "in is JSON, but its first line is not a person with uuid and distinct_ids, as `posthog-bulk persons` "
            "writes it: give one ID per line, as jq -r .distinct_id does for a key distinct_id"
        ),
        2,
    ),
    "sep=; without --column": (
        b"sep=;\nname;id\nAnn;user-1\n",
        IDS,
        "in is a CSV file: name the column that holds the distinct IDs with --column",
        2,
    ),
    "a CSV header without --column": (
        b"name,distinct_id\nAnn,user-1\n",
        IDS,
        "in is a CSV file: name the column that holds the distinct IDs with --column",
        2,
    ),
    "JSON lines with --column": (
        exported(1),
        (*IDS, "--column", "distinct_ids"),
        "in is an export of persons in JSON lines: leave out --column",
        2,
    ),
    "no such column": (
        b"a;b\n1;2\n",
        (*IDS, "--column", "id"),
        "in has no column named 'id': line 1 must be the header, which has 2 columns",
        2,
    ),
    "--email-match without --emails": (
        b"user-1\n",
        (*IDS, "--email-match", "exact"),
        "--email-match only works with --emails and --requests. For help: posthog-bulk delete --help",
        2,
    ),
    "an empty email key": (
        b"a@example.com\n",
        ("--emails", "in", "--email-keys", "email,"),
        (
            "--email-keys 'email,' has an empty key: name properties, or distinct_id, as in email,distinct_id. "
            "For help: posthog-bulk delete --help"
        ),
        2,
    ),
    "no email key": (
        b"a@example.com\n",
        ("--emails", "in", "--email-keys", ""),
        (
            "--email-keys '' has an empty key: name properties, or distinct_id, as in email,distinct_id. "
            "For help: posthog-bulk delete --help"
        ),
        2,
    ),
    "an email key missing between two": (
        b"a@example.com\n",
        ("--emails", "in", "--email-keys", "email, ,Email"),
        (
            "--email-keys 'email, ,Email' has an empty key: name properties, or distinct_id, as in email,distinct_id. "
            "For help: posthog-bulk delete --help"
        ),
        2,
    ),
    "only tabs": (
        b"Ann\tuser-1\nBob\tuser-2\n",
        IDS,
        "none of the 2 input lines can be used (contains a tab); if the file is CSV, name its column with --column.",
        3,
    ),
    "only quotes": (
        b'"user-1"\n"user-2"\n',
        IDS,
        (
            "no person matches any of the 2 input lines (lines 1-2: wrapped in quotes; lines 1-2 would match without "
            "whitespace, quotes or invisible characters); check the input and the project."
        ),
        3,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_refused_names_the_remedy_and_nothing_is_changed(run: Run, people: Any, case: str) -> None:
    data, options, message, code = REFUSED[case]
    Path("in").write_bytes(data)
    result = run("delete", *options, "--yes", "--expect-count", 1)
    assert (result.sentence, result.code) == (f"posthog-bulk: {message}", code)
    assert people.mutations == []
    assert code == 3 or people.server.requests == []  # a file that is wrong in itself sends nothing at all
    assert list(Path().glob("*.jsonl")) == []


@pytest.mark.parametrize(
    ("options", "lines", "message"),
    [
        (IDS, 3, None),
        (IDS, 2, "has 3 lines, but --expect-lines says 2"),
        (("--where", "plan is_set"), 0, "was made without input lines, but --expect-lines says 0; leave out"),
    ],
)
def test_expected_lines_are_those_of_the_input(
    run: Run, people: Any, options: tuple[str, ...], lines: int, message: str | None
) -> None:
    Path("in").write_bytes(b"user-1\nnobody\n\n")
    assert run("plan", "delete", *options, "-o", "x.plan.jsonl").code == 0
    with load_plan("x.plan.jsonl") as plan:
        digest = plan.digest
    by_plan = run("run", "x.plan.jsonl", "--approve", digest, "--expect-lines", lines)
    assert by_plan.code == (0 if message is None else 3)
    if message is not None:
        assert message in by_plan.sentence
        at_once = run("delete", *options, "--yes", "--expect-count", 1, "--expect-lines", lines)
        assert (at_once.code, people.mutations) == (3, [])


def test_json_says_what_is_not_covered(run: Run, people: Any) -> None:
    Path("in").write_bytes(b"user-1\nnobody\n\n")
    result = run("delete", *IDS, "--yes", "--expect-count", 1, "--json")
    events = {event["event"]: event for event in map(json.loads, result.out.splitlines())}
    expected: dict[str, Any] = {"lines": 3, "not_covered": 2, "unmatched": 1, "refused": 1, "unread": 0, "protected": 0}
    expected |= {"repeated": 0, "repeated_unmatched": 0, "expected": 0, "expected_at": None, "expected_by": None}
    assert events["plan"]["input"] == expected
    assert events["report"]["input"] == expected
    (journal,) = Path().glob("*.journal.jsonl")
    assert json.loads(run("status", journal, "--json").out)["input"] == expected


FLAWS: tuple[Callable[[str], str], ...] = (
    lambda value: value,
    lambda value: f" {value}",
    lambda value: f'"{value}"',
    lambda value: f"{value};Ann",
    lambda value: f"{value}\u200b",
    lambda value: f"{value}@example.com",
    lambda value: f"{PERSON[:-4]}{int(value.partition('-')[2]):04x}",
    lambda value: value.partition("-")[2],
    lambda value: "",
    lambda value: f"{value}\0",
    lambda value: f"{value}\tx",
    lambda value: "undefined",
    lambda value: f"{value}\udcff",
    lambda value: "x" * 500,
    lambda value: f"nobody-{value}",
)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["lines", "csv"])
def test_ten_thousand_lines_with_every_flaw_at_once_are_all_accounted_for(run: Run, people: Any, layout: str) -> None:
    count = 10_000
    values = [f"user-{number % 6_000}" for number in range(count)]
    flawed = [FLAWS[number % len(FLAWS)](value) for number, value in enumerate(values)]
    if layout == "csv":
        file = io.StringIO()
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows([("n", "ID"), *((1, each) for each in flawed)])
        data = gzip.compress(file.getvalue().encode("utf-8", "surrogateescape"))
        options = ("--distinct-ids", "in", "--column", "id")
    else:
        data = "\n".join([*flawed, ""]).encode("utf-8", "surrogateescape")
        options = IDS
    Path("in").write_bytes(data)
    result = run("plan", "delete", *options, "-o", "x.plan.jsonl")
    assert result.code == 0, result.err
    with load_plan("x.plan.jsonl") as plan:
        found = by_kind(plan.findings)
        selected = {target.distinct_id for target in plan.iter()}
    assert found["lines"]["count"] == count
    matched = plan.count + found["aliases"]["count"] + found["duplicates"]["count"]
    assert matched + found["unmatched"]["count"] + found["refused"]["count"] + found["unread"]["count"] == count
    assert sum(each["count"] for each in found["unmatched"]["causes"].values()) == found["unmatched"]["count"]
    assert sum(each["count"] for each in found["refused"]["reasons"].values()) == found["refused"]["count"]
    assert len(found["unmatched"]["causes"]) == 8
    assert selected <= set(values)
    assert selected == {value for value in values[:: len(FLAWS)] if int(value.partition("-")[2]) < 60}
