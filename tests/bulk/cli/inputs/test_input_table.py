"""What each real-world input file leads to: the exact input check, verdict and exit code."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.cli.inputs.input_rows import IDS, PERSON, exported

Run = Callable[..., Any]


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
    "--email-match ignore-case --email-keys 'email,Email,$email,distinct_id'; to select them, plan with these options, "
    "and correct whitespace and quotes in the file."
)


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
        ["Lines read 3", "Lines that matched no person 0", "Blank lines, which were skipped 1 1"],
        [],
        "",
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
    "a decomposed form": (
        "user-1\nAme\u0301lie\n".encode(),
        IDS,
        1,
        [
            "Lines read 2",
            "Lines that matched no person 1 2",
            "- contains characters in a decomposed form (NFD): PostHog compares exactly 1 2",
        ],
        [EVENTS],
        "1 of 2 input lines is not covered (1 matched no person)",
    ),
    "a bar": (
        b"user-1\nuser-2|Bob\n",
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
    line, then = ("this line", "line then counts") if unmatched == "1" else ("these lines", "lines then count")
    return (
        f"If no person should exist for {line}, add --expect-unmatched {unmatched} to the run: the {then} as covered."
    )


def input_check(out: str) -> list[str]:
    """The input check of a review: rows with single spaces between the cells, then sentences."""
    lines = out.partition("Input check\n")[2].splitlines()
    block = [line.strip() for line in lines[1 : next(i for i, line in enumerate(lines) if not line.startswith("  "))]]
    return [re.sub(" {2,}", " ", line) for line in block if not set(line) <= {"-", " "}]
