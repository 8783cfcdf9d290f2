"""The option that names persons which no plan may contain. Sends nothing; reads no file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk.cli.options.help_layout import option

if TYPE_CHECKING:
    from bulk.selection.conditions.protection import Protect

protect_option = option(
    "--protect",
    multiple=True,
    metavar="FILE|FILTER",
    help="Persons that no plan may contain: a file with one distinct ID, UUID or email per line, or a condition as for "
    "--where; repeat the option for more. A new plan leaves these persons out; an existing plan with one of them is "
    "refused",
)


def build_protect(given: Sequence[str]) -> "tuple[Protect, ...]":
    """Return the files and filters that the options name: a condition has blanks, the name of a file rarely.

    Raises:
        UsageError: an option is empty.
        WhereError: a condition cannot be read.
        InputError: there are two files, or a condition is on a field that is no property.
        FileTrouble: a file does not exist, or is not a regular file.
    """
    from bulk.files.private_files import check_regular
    from bulk.selection.conditions.protection import check_protect
    from bulk.selection.filter_expression import parse_where

    sources: list[Protect] = []
    for each in given:
        if not each.strip():
            raise click.UsageError(
                "--protect is empty: give a file, or a condition such as 'email ends_with @example.com'"
            )
        path = Path(each)
        if not path.exists() and any(character.isspace() for character in each.strip()):
            sources.append(parse_where(each))
            continue
        check_regular(path)  # a run reads it again
        sources.append(path)
    return check_protect(sources)
