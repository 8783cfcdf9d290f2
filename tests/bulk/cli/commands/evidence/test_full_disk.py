"""A disk that is full while evidence is written: nothing half-written stays, and what was there is unchanged."""

import hashlib
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bulk.cli.main import main

Run = Callable[..., Any]
JOURNAL = "x.journal.jsonl"
FULL = "the file would grow past the limit for one file; raise that limit, then run again"
"""What the limit on the size of a file, which stands for a full disk, is reported as."""


def run_with_files_up_to(size: int, *arguments: str) -> tuple[int, str]:
    """Run a command whose every write fails that lets a file grow beyond a size in bytes; return its code and words."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    readable, writable = os.pipe()  # which has no limit, as the files of a captured stderr have
    with (
        os.fdopen(readable) as told,
        os.fdopen(writable, "w") as stream,
        Path(os.devnull).open() as nothing,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, file in (("stdin", nothing), ("stdout", stream), ("stderr", stream)):
            patch.setattr(sys, name, file)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            code = main([*arguments])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        stream.close()
        return int(code), told.read()


def contents() -> dict[str, str]:
    """Return the files of the folder with their digests."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path().iterdir()}


@pytest.fixture
def requests_file(posthog: Any) -> str:
    """A file of 60 requests, the last of them of nobody."""
    people = [posthog.server.world.person(uuid).distinct_ids[0] for uuid in posthog.server.world.iter_uuids()]
    rows = [f"{person},DSR-{number},2026-11-01" for number, person in enumerate([*people[:59], "nobody"])]
    Path("r.csv").write_text("\n".join(["distinct_id,reference,received", *rows]) + "\n")
    return "r.csv"


@pytest.fixture
def job(run: Run, posthog: Any, requests_file: str) -> str:
    """The journal of a finished job of these requests."""
    line = ("delete", "--requests", requests_file, "--plan", "x.plan.jsonl", "--yes", "--expect-count", "59")
    assert run(*line).code == 0
    return JOURNAL


def test_a_plan_and_its_receipts_appear_together_or_not_at_all(run: Run, posthog: Any, requests_file: str) -> None:
    line = ("plan", "delete", "--requests", requests_file, "-o", "x.plan.jsonl")
    assert run(*line).code == 0
    sizes = {path.name: path.stat().st_size for path in Path().glob("x.*")}
    assert len(sizes) == 2
    for name in sizes:
        Path(name).unlink()
    before = contents()
    least, most = min(sizes.values()), max(sizes.values())
    for size in (100, least - 1, least, most - 1):
        code, words = run_with_files_up_to(size, *line)
        assert (code, FULL in words) == (74, True), (size, words)
        assert contents() == before, size
    assert run(*line).code == 0
    assert {path.name for path in Path().glob("x.*")} == set(sizes)


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("report.html", ()),
        ("report.json", ()),
        ("receipt.html", ("--reference", "DSR-59")),
        ("receipt.md", ("--reference", "DSR-3")),
    ],
)
def test_a_report_is_written_whole_or_not_at_all(run: Run, job: str, name: str, what: tuple[str, ...]) -> None:
    line = ("report", job, *what, "-o", name)
    code = run(*line).code
    size = Path(name).stat().st_size
    before = contents()
    for limit in (0, size - 1):
        for written, force in ((name, ("--force",)), (f"new.{name}", ())):
            failed, words = run_with_files_up_to(limit, "report", job, *what, "-o", written, *force)
            assert (failed, words.startswith(f"posthog-bulk: {written} cannot be "), FULL in words) == (74, True, True)
            assert contents() == before
    assert run_with_files_up_to(size, *line, "--force")[0] == code
    assert contents() == before


def test_a_signed_report_is_not_written_without_its_signature(run: Run, job: str) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path("key.pem").write_bytes(key)
    Path("key.pem").chmod(0o600)
    line = ("report", job, "-o", "r.html", "--sign", "key.pem")
    assert run(*line).code == 1
    sizes = [Path(name).stat().st_size for name in ("r.html", "r.html.sig")]
    before = contents()
    for limit in (0, min(sizes) - 1, max(sizes) - 1):
        code, words = run_with_files_up_to(limit, *line, "--force")
        assert (code, FULL in words) == (74, True)
        assert contents() == before
        assert run("verify-signature", "r.html").code == 0
