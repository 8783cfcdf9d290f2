"""Reads the IDs in the rows of a CSV file, whichever of the columns of requests hold them. Pure."""

from bulk.errors import InputError
from bulk.selection.inputs.csv_cells import DELIMITERS, HEADER_MAX, Header, folded, named_delimiter, read_header
from bulk.selection.inputs.decoding import to_utf8
from bulk.selection.inputs.exported_persons import is_csv_header
from bulk.selection.inputs.line_splitter import split_lines
from bulk.selection.inputs.request_rows import ID_COLUMNS, row_cells


def ids_of_rows(data: bytes, name: str) -> list[str] | None:
    """Return the IDs in the rows of a CSV file, in their order; None if the file has no header.

    A row may have several IDs; a blank row has none.

    Arguments:
        data: the content of the file.
        name: of the file in errors.

    Raises:
        InputError: no column is named distinct_id, email or uuid, a row has no ID, or it is not valid CSV.
    """
    text = b"".join(to_utf8([data], name))
    first, _, rest = text.partition(b"\n")
    delimiter = named_delimiter(first.strip())
    header = Header((first if delimiter is None else rest.partition(b"\n")[0]).strip(), delimiter, 1)
    columns, delimiter = _id_columns(header)
    if not columns:
        if is_csv_header(header):
            raise InputError(f"{name} is a CSV file: name a column distinct_id, email or uuid, or give one ID per line")
        return None
    pieces = split_lines(iter([text]), is_csv=True)
    read_header(pieces, name)
    found: list[str] = []
    for line, cells in row_cells(pieces, delimiter, name):
        ids = [cells[at] for at in columns if at < len(cells) and cells[at].strip()] if cells is not None else []
        if not ids and (cells is None or any(cell.strip() for cell in cells)):
            raise InputError(f"line {line:,} of {name} has no distinct_id, email or uuid: add it, or remove the line")
        found += ids
    return found


def _id_columns(header: Header) -> tuple[list[int], bytes]:
    """Return the indexes of the columns of IDs, and the delimiter that separates most of them."""
    best: tuple[list[int], bytes] = [], b","
    if len(header.text) > HEADER_MAX:
        return best
    for delimiter in DELIMITERS if header.delimiter is None else (header.delimiter,):
        names = map(folded, header.cells(delimiter) or ())
        found = [at for at, name in enumerate(names) if name in ID_COLUMNS]
        if len(found) > len(best[0]):
            best = found, delimiter
    return best
