"""The options that record who ordered a job, why, and for which request. Sends nothing and reads no file."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from bulk.cli.options.connection_options import gather_options
from bulk.cli.options.help_layout import option
from bulk.requests.job_record import JobRecord

F = TypeVar("F", bound=Callable[..., Any])

confirming_operator_option = option(
    "--operator", metavar="NAME", help="Who confirms --expect-unmatched; journal and report keep the name"
)
approver_option = option("--approver", metavar="NAME", help="Who approves the plan; journal and report keep the name")


def check_operator(operator: str | None, expect_unmatched: int | None) -> None:
    """Check that --operator is given only with --expect-unmatched."""
    if operator is not None and expect_unmatched is None:
        raise click.UsageError("--operator only works with --expect-unmatched here: add it, or leave out --operator")


def record_options(command: F) -> F:
    """Add --reference, --received, --operator, --reason and --approver; the command gets them as `record`."""
    return gather_options(
        command,
        "record",
        JobRecord,
        option("--reference", metavar="TEXT", help="Reference of the request that this job answers, as in DSR-17"),
        option(
            "--received",
            metavar="DATE",
            help="Day on which the request was received, as in 2026-11-29; it is due a month later",
        ),
        option("--operator", metavar="NAME", help="Who runs the job"),
        option("--reason", metavar="TEXT", help="Why it is run"),
        approver_option,
        section="Record of the job",
    )
