"""What each file that cannot be used leads to: the exact refusal, and nothing is changed."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.cli.inputs.input_rows import IDS, PERSON, exported

Run = Callable[..., Any]


def workbook(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x" * 100)
    return file.getvalue()


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
    "a quote in the header that is never closed": (
        b'id,"name\nuser-1,x\n',
        (*IDS, "--column", "id"),
        "in: the record on line 1 is not valid CSV: correct its quotes or line ends",
        2,
    ),
    "a column that is close to that of the file": (
        b"e-mail;user 1\na@x.org;1\n",
        ("--emails", "in", "--column", "mail"),
        "in has no column named 'mail' (did you mean 'e-mail'?): line 1 must be the header, which has 2 columns",
        2,
    ),
    "a first line that may be personal data": (
        b"mails@x.org\na@x.org\n",
        ("--emails", "in", "--column", "mail@x.org"),
        "in has no column named 'mail@x.org': line 1 must be the header, which has 1 column",
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
        (
            "none of the 2 input lines can be used (lines 1-2: contains a tab); if the file is CSV, name its column "
            "with --column."
        ),
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
