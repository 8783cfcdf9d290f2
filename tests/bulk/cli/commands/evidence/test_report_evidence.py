"""A report is evidence: its digests can be confirmed, a change is found with its place, and values can be left out."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

Run = Callable[..., Any]
JOURNAL, PLAN = "x.journal.jsonl", "x.plan.jsonl"


@pytest.fixture
def job(run: Run, posthog: Any) -> Path:
    """The journal of a job that selects by file; its events are queued."""
    uuids = list(posthog.server.world.iter_uuids())
    Path("leavers.txt").write_text("".join(f"{uuid}\n" for uuid in uuids[:12]))
    job = ("delete", "--delete-events", "--uuids", "leavers.txt", "--plan", PLAN)
    assert run(*job, "--yes", "--expect-count", "12").code == 0
    return Path(JOURNAL)


def flip(path: Path, offset: int) -> int:
    """Change one bit of a file, and return the number of the line that has it."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    return data.count(b"\n", 0, offset) + 1


def test_the_commands_of_a_report_confirm_its_digests(run: Run, job: Path) -> None:
    shown = json.loads(run("report", JOURNAL, "--json").out)
    assert run("report", JOURNAL, "-o", "x.md").code == 75
    written = Path("x.md").read_text()
    rows = re.findall(r"^\| (.+?) \| ([0-9a-f]{64}) \|$", written, re.MULTILINE)
    titles = ["SHA-256 of the journal", "SHA-256 of the plan", "Approval digest"]
    assert [title.partition(" (")[0] for title, _ in rows[-3:]] == titles
    for title, digest in rows[-3:]:
        (command,) = re.findall(rf"^{re.escape(title)}:\n\n    (.+)$", written, re.MULTILINE)
        line = command.replace("JOURNAL", JOURNAL).replace("PLAN", PLAN)
        printed = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout
        assert printed.split()[0] == digest, line
    assert shown["plan_digest"].removeprefix("sha256:") == rows[-1][1]


def test_an_incomplete_last_record_has_a_digest_of_its_own(run: Run, job: Path) -> None:
    whole = job.read_bytes()
    with job.open("ab") as file:
        file.write(b'{"n":99,"type":"re')
    shown = " ".join(run("report", JOURNAL).out.split())
    lines = whole.count(b"\n")
    assert f"Incomplete last record (ignored): line {lines + 1} of the journal has no line end, 18 bytes." in shown
    report = json.loads(run("report", JOURNAL, "--json").out)
    assert report["journal_sha256"] == f"sha256:{hashlib.sha256(job.read_bytes()).hexdigest()}"
    assert report["journal_digest"] == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert report["journal_bytes"] == len(whole)
    assert f"head -c {len(whole)} JOURNAL" in shown


def test_a_changed_byte_of_the_journal_is_found_in_its_line(run: Run, job: Path) -> None:
    line = flip(job, job.stat().st_size // 2)
    result = run("report", JOURNAL)
    assert result.code == 74
    assert f"{JOURNAL}: line {line} fails its checksum" in result.sentence


def test_a_changed_byte_of_the_last_line_is_told_with_its_line(run: Run, job: Path) -> None:
    line = flip(job, job.stat().st_size - 60)
    shown = " ".join(run("report", JOURNAL).out.split())
    assert f"Incomplete last record (ignored): line {line} of the journal fails its checksum, " in shown


def test_a_changed_byte_of_the_plan_is_found_in_its_line(run: Run, job: Path) -> None:
    data = Path(PLAN).read_bytes()
    line = flip(Path(PLAN), data.index(b"\n") + 100)
    result = run("report", JOURNAL)
    assert f"shown without the plan: {PLAN} was changed after it was created, in line {line}: digest" in result.err
    assert "This report was made without the plan" in result.out
    assert run("report", JOURNAL, "--plan", PLAN).code == 74


def test_a_changed_byte_of_a_signed_report_is_found_in_its_line(run: Run, job: Path) -> None:
    key = Ed25519PrivateKey.generate()
    Path("key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    Path("key.pem").chmod(0o600)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    Path("public.pem").write_bytes(public)
    written = run("report", JOURNAL, "-o", "x.html", "--sign", "key.pem")
    assert written.code == 75
    assert "Report written to x.html, its signature to x.html.sig" in written.err
    assert Path("x.html.sig").stat().st_mode & 0o777 == 0o600
    good = run("verify-signature", "x.html", "--key", "public.pem")
    assert (good.code, good.out.splitlines()[0]) == (0, "x.html is unchanged since it was signed.")
    line = flip(Path("x.html"), 5_000)
    bad = run("verify-signature", "x.html", "--key", "public.pem")
    assert bad.code == 74
    assert f"x.html was changed after it was signed, in line {line}; use an unchanged copy of it." in bad.sentence
    assert json.loads(run("verify-signature", "x.html", "--json").out)["exit_code"] == 74


def test_a_signature_needs_a_file_and_replaces_none(run: Run, job: Path) -> None:
    assert "--sign writes FILE.sig beside the report: add -o FILE" in run("report", JOURNAL, "--sign", "k.pem").err
    Path("x.html.sig").write_text("mine")
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path("k.pem").write_bytes(key)
    Path("k.pem").chmod(0o600)
    refused = run("report", JOURNAL, "-o", "x.html", "--sign", "k.pem")
    assert (refused.code, Path("x.html").exists(), Path("x.html.sig").read_text()) == (74, False, "mine")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("layout", ["txt", "md", "html", "json"])
def test_values_are_shown_with_the_plan_unless_redacted(run: Run, job: Path, layout: str) -> None:
    digest = hashlib.sha256(Path("leavers.txt").read_bytes()).hexdigest()
    shown = run("report", JOURNAL, "-o", "-", "--format", layout).out
    redacted = run("report", JOURNAL, "-o", "-", "--format", layout, "--redact").out
    for value in ("leavers.txt", digest):
        assert value in shown
        assert value not in redacted


@pytest.mark.slow
def test_values_of_filters_and_properties_are_shown_with_the_plan_unless_redacted(run: Run, posthog: Any) -> None:
    job = ("update", "team=winter", "seats:=7", "--where", "plan exact free", "--everyone", "--plan", PLAN)
    assert run("plan", *job[:-2], "-o", PLAN).code == 0
    count = len(Path(PLAN).read_text().splitlines()) - 2
    assert run(*job, "--yes", "--expect-count", str(count)).code == 0
    shown, redacted = run("report", JOURNAL).out, run("report", JOURNAL, "--redact").out
    for words in ('New value of team     "winter"', "New value of seats    7", "persons where plan exact free"):
        assert words in re.sub(r"(New value of \S+) +", lambda found: found[1].ljust(22), shown)
    assert "winter" not in redacted
    assert "persons where plan exact (value in the plan)" in redacted
    Path(PLAN).unlink()
    assert "winter" not in run("report", JOURNAL).out


def test_status_names_a_changed_last_line_too(run: Run, job: Path) -> None:
    assert "(ignored)" not in run("status", JOURNAL).out
    line = flip(job, job.stat().st_size - 60)
    shown = run("status", JOURNAL).out
    assert f"Incomplete last record (ignored): line {line} of the journal fails its checksum, " in shown
