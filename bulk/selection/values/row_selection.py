"""The selection of the persons of rows, each with the values that it gets: `open_rows` makes one from a file."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args
from uuid import UUID

import msgspec

from asyncclient import InvalidArgument, property_object
from bulk.errors import InputError
from bulk.files.content_meter import ContentMeter
from bulk.files.file_errors import as_file_trouble
from bulk.files.json_lines import encode_line
from bulk.selection.id_files import read_pieces
from bulk.selection.inputs.line_checks import RefusedLine
from bulk.selection.values.cell_types import checked_types
from bulk.selection.values.row_lines import (
    EmptyIs,
    IdKind,
    Layout,
    RowLine,
    RowRules,
    read_row_keys,
    read_rows,
)

ID_KINDS: tuple[IdKind, ...] = get_args(IdKind)
RowSource = str | Path | BinaryIO | Iterable[Mapping[str, Any]]
"""A path, a binary stream, or an iterable of mappings with the ID and the values of a person. A string is a path."""


class ByRows(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the persons of rows, each with the values that it gets; `open_rows` makes it.

    Arguments:
        source: a file, or a stream that can be read again.
        rules: how rows are read.
        keys: the properties that the rows set.
        layout: "csv" or "json".
    """

    source: str | Path | BinaryIO
    rules: RowRules
    keys: tuple[str, ...]
    layout: Layout

    @property
    def unset_keys(self) -> tuple[str, ...]:
        """The properties that a row may remove."""
        return self.keys if self.rules.empty_is == "unset" else ()

    def summary(self) -> dict[str, Any]:
        """Return the description for journal and report."""
        return {
            "kind": "rows",
            "input": "file" if isinstance(self.source, str | Path) else "stream",
            "layout": self.layout,
            "by": self.rules.id_kind,
            "allow_shared_ids": self.rules.allow_shared_ids,
        }

    def details(self) -> dict[str, Any]:
        """Return the description for the plan."""
        name = Path(self.source).name if isinstance(self.source, str | Path) else None
        column, types = self.rules.id_column, dict(self.rules.types)
        return {**self.summary(), "file": name, "column": column, "types": types, "empty_is": self.rules.empty_is}


def open_rows(
    source: RowSource,
    *,
    id_column: str = "distinct_id",
    types: Mapping[str, str] | None = None,
    empty_is: EmptyIs | None = None,
    allow_shared_ids: bool = False,
) -> ByRows:
    """Return the selection of the persons of rows, with the values of each.

    It reads the header of a CSV file, or all of JSON lines, to know which properties are set. A stream or an iterable
    is copied into a temporary file without a name.

    Arguments:
        source: a CSV file with a header, or JSON lines; or mappings with the ID and the values of a person.
        id_column: what the ID is, and the column or key that holds it: "distinct_id:user_id", "uuid:person" or
            "email:mail"; the kind alone if the column has its name.
        types: how the cells of a CSV column are read: "text" (the default), "number", "boolean" or "json".
        empty_is: "unset" if an empty cell of a CSV file removes the property, "null" if it sets null; None to leave
            the property alone.
        allow_shared_ids: also accept placeholder IDs such as `undefined`.

    Raises:
        InputError: the input is empty, lacks a column, or sets a property that the server cannot store.
        FileTrouble: it cannot be read.
    """
    kind, _, column = id_column.partition(":")
    if kind not in ID_KINDS:
        raise InputError(
            f"the ID column {id_column!r} does not begin with what the ID is: write distinct_id, uuid or email, then "
            "a colon and the name of the column"
        )
    rules = RowRules(
        id_kind=kind,
        id_column=column or kind,
        types=checked_types(types or {}),
        empty_is=empty_is,
        allow_shared_ids=allow_shared_ids,
    )
    if isinstance(source, str | Path):
        path = Path(source)
        with as_file_trouble(path, "cannot be read"), path.open("rb") as file:
            found = read_row_keys(read_pieces(file, str(path), is_csv=True), rules, str(path))
        return ByRows(source=source, rules=rules, keys=found.keys, layout=found.layout)
    copy = _copied(source)
    found = read_row_keys(read_pieces(copy, "the input", is_csv=True), rules, "the input")
    return ByRows(source=copy, rules=rules, keys=found.keys, layout=found.layout)


class _Copy(io.BufferedRandom):
    """A copy of an input; it is open as long as the selection exists.

    It closes the descriptor itself, because in a reference cycle the raw file is finalized first, with a warning.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "r+", closefd=False))
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        super().close()
        if (descriptor := self._descriptor) is not None:
            self._descriptor = None
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def row_lines(selection: ByRows, meter: ContentMeter | None = None) -> Iterator[RowLine | RefusedLine]:
    """Yield the rows of a selection; raises InputError and FileTrouble.

    Arguments:
        selection: of `open_rows`.
        meter: gets everything that is read.
    """
    source, rules, keys = selection.source, selection.rules, selection.keys
    if isinstance(source, str | Path):
        path = Path(source)
        with as_file_trouble(path, "cannot be read"), path.open("rb") as file:
            yield from read_rows(read_pieces(file, str(path), meter, is_csv=True), rules, keys, str(path))
        return
    source.seek(0)
    yield from read_rows(read_pieces(source, "the input", meter, is_csv=True), rules, keys, "the input")


def _copied(source: BinaryIO | Iterable[Mapping[str, Any]]) -> BinaryIO:
    """Return a copy in a file without a name, so that a kill leaves nothing behind."""
    with tempfile.TemporaryFile() as unnamed:
        copy = _Copy(os.dup(unnamed.fileno()))
    if hasattr(source, "read"):
        shutil.copyfileobj(cast("BinaryIO", source), copy)
    else:
        for number, row in enumerate(cast("Iterable[object]", source), 1):
            copy.write(_encoded(row, number) + b"\n")
    copy.seek(0)
    return copy


def _encoded(row: object, number: int) -> bytes:
    """Return a mapping as a line of JSON."""
    if not isinstance(row, Mapping):
        raise InputError(f"row {number} has type {type(row).__name__}: give mappings with an ID and values")
    try:
        return encode_line({str(key): _plain(value) for key, value in row.items()})
    except (InvalidArgument, TypeError, ValueError):
        raise InputError(f"row {number} has a value that JSON cannot express") from None


def _plain(value: object) -> Any:
    """Return a value as plain JSON; a UUID as text, because it may be the ID of the row."""
    return str(value) if isinstance(value, UUID) else property_object({"value": value})["value"]
