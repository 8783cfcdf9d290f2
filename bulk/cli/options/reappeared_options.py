"""The options that plan a job again for the persons that were re-created since."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from bulk.cli.options.connection_options import FILE, gather_options
from bulk.cli.options.help_layout import option

F = TypeVar("F", bound=Callable[..., Any])


class ReappearedArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The options that plan a job again, as given."""

    from_journal: Path | None = None
    reappeared: bool = False
    from_plan: Path | None = None

    @property
    def is_given(self) -> bool:
        """Whether a job is to be planned again."""
        return self.from_journal is not None

    def check(self, *, others: Sequence[str]) -> None:
        """Check that the options fit each other.

        Arguments:
            others: the operation and the options given that select persons.

        Raises:
            UsageError: they do not.
        """
        if self.from_journal is None:
            for name, given in (("--reappeared", self.reappeared), ("--plan", self.from_plan is not None)):
                if given:
                    raise click.UsageError(
                        f"{name} only works with --from JOURNAL, the journal of the job to plan again"
                    )
            return
        if not self.reappeared:
            raise click.UsageError("--from JOURNAL plans the persons that were re-created since: add --reappeared")
        if others:
            raise click.UsageError(f"--from takes operation and persons from the job: leave out {' and '.join(others)}")


def reappeared_options(command: F) -> F:
    """Add --from, --reappeared and --plan; the command gets them as `reappeared_arguments`."""
    return gather_options(
        command,
        "reappeared_arguments",
        ReappearedArguments,
        option(
            "--from",
            "from_journal",
            type=FILE,
            metavar="JOURNAL",
            help="Journal of a job to plan again; operation and persons come from that job",
        ),
        option("--reappeared", is_flag=True, help="With --from: the persons that the last verify found re-created"),
        option(
            "--plan",
            "from_plan",
            type=FILE,
            metavar="FILE",
            help="With --from: the plan of that job (default: the one of the same name)",
        ),
        section="Planning a job again",
    )
