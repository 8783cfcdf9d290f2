"""The example in the help of each command, run as it is printed against a local server."""

import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bulk.cli.main import COMMANDS, posthog_bulk
from bulk.plan.plan_file import load_plan

Run = Callable[..., Any]

PROCESSES = ("server", "demo")
"""Commands whose example is started as a process."""


def examples(name: str) -> list[list[str]]:
    """Return the command lines below "Example:" in the help of a command, each split into words."""
    with click.Context(posthog_bulk, info_name="posthog-bulk", **posthog_bulk.context_settings) as context:
        command = posthog_bulk if not name else posthog_bulk.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context) as inner:
            help_text = command.get_help(inner)
    example = help_text.split("Example:\n")[1].split("\n\n")[0]
    lines = re.sub(r"\\\n *", " ", example).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.strip().startswith("posthog-bulk ")]


def input_files(server: Any) -> None:
    """Write the input files that the examples name."""
    uuids = list(server.world.iter_uuids())
    ids = [server.world.person(uuid).distinct_ids[0] for uuid in uuids]
    for number, name in enumerate(("leavers.txt", "vips.txt", "quiet.txt", "unseen.txt")):
        Path(name).write_text("".join(f"{one}\n" for one in ids[number * 5 : number * 5 + 5]))
    of_seats = [(p.distinct_ids[0], p.properties["email"]) for p in map(server.world.person, uuids[20:25])]
    server.world.add_event("ghost", timestamp=1_700_000_000.0)
    Path("ghosts.txt").write_text("ghost\n")
    rows = (f"{distinct_id},{email},3\n" for distinct_id, email in of_seats)
    Path("seats.csv").write_text("".join(("distinct_id,mail,seats\n", *rows)))
    emails = [str(server.world.person(uuid).properties.get("email", "")).upper() for uuid in uuids]
    Path("leavers.csv").write_text("".join(f"{line};\n" for line in ("Email", *filter(None, emails))))


def ready(run: Run, name: str) -> None:
    """Make the plan or the job that the example of a command uses."""
    jobs = ("verify", "status", "report", "verify-signature", "shred")
    if name in ("persons", "show", "run", *jobs):
        assert run(*examples("plan")[0]).code == 0
    if name in jobs:
        assert run("run", "leavers.plan.jsonl", "--approve", digest()).code == 0
    if name == "revert":
        kept = ("--distinct-ids", "vips.txt", "--keep-before", "before.jsonl", "--yes", "--expect-count", 5)
        assert run("update", "plan=vip", *kept).code == 0
    if name in ("report", "verify-signature"):
        signing_key()
    if name == "verify-signature":
        written = run("report", "leavers.journal.jsonl", "-o", "leavers.html", "--sign", "key.pem")
        assert written.code == 75


def signing_key() -> None:
    """Write the keys that the examples name."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path("key.pem").write_bytes(private)
    Path("key.pem").chmod(0o600)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    Path("signing-key.public.pem").write_bytes(public)


def merged_by_mistake(posthog: Any, uuid: str) -> None:
    """Add the person of the example of `split`, and its file."""
    posthog.server.world.add_person(["ada", "stranger"], uuid=uuid)
    Path("ids").write_text("stranger\n")


def recreated(run: Run, posthog: Any) -> None:
    """Run the plan of the first example, and let one of its persons come back."""
    assert run("run", "leavers.plan.jsonl", "--approve", digest()).code == 0
    with load_plan(Path("leavers.plan.jsonl")) as plan:
        posthog.server.world.recreate(next(plan.iter()).uuid)
    assert run("verify", "leavers.journal.jsonl").code == 1


def purged(run: Run, posthog: Any) -> None:
    """Let PostHog purge the events of the job of the first example, and complete the job."""
    posthog.server.run_event_deletion()
    assert run("verify", "leavers.journal.jsonl").code == 0


def digest() -> str:
    with load_plan(Path("leavers.plan.jsonl")) as plan:
        return plan.digest


def approved(words: list[str], name: str, result: Any) -> list[str]:
    """Return the line with the approval that a terminal asks for, as the refusal of the line tells to."""
    if name == "run":
        return [word if not re.fullmatch(r"[0-9a-f]{12}", word) else digest() for word in words]
    count = re.search(r"--expect-count (\d+)", result.sentence)
    assert count is not None, result.sentence
    return [*words, "--yes", "--expect-count", count[1]]


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in PROCESSES])
def test_the_example_of_a_command_runs_as_printed(run: Run, posthog: Any, name: str) -> None:
    input_files(posthog.server)
    ready(run, name)
    lines = examples(name)
    assert lines
    if name == "split":
        merged_by_mistake(posthog, lines[0][1])
    for words in lines:
        assert words[0] == name
        if "--from" in words:
            recreated(run, posthog)
        if name == "shred":
            purged(run, posthog)
            words = [*words, "--yes"]  # a terminal asks
        result = run(*words)
        if result.code == 3:  # there is no terminal here to approve at
            result = run(*approved(words, name, result))
        if "--without-person" in words and result.code == 77:  # the key has scopes, and the preview declares none
            assert "older key without scopes" in result.err
            continue
        assert result.code == (75 if name in ("verify", "status", "report") else 0), result.err


def test_the_example_of_the_whole_command_runs_as_printed(run: Run, posthog: Any) -> None:
    input_files(posthog.server)
    plan, job = examples("")
    assert run(*plan).code == 0
    assert run(*job, "--approve", digest()).code == 0


@pytest.mark.slow
def test_the_example_of_the_server_runs_as_printed(spawn: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    (words,) = examples("server")
    process = spawn(*words, "--port", "0")  # the port of the example may be in use on this machine
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"export POSTHOG_HOST=")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_has_an_example(name: str) -> None:
    assert examples(name)
