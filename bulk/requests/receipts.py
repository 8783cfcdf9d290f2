"""Opens the receipts of a job, checks every line, and looks up IDs and references of requests in them."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import UUID

from bulk.errors import FileTrouble
from bulk.files.file_errors import as_file_trouble
from bulk.files.json_lines import decode_line
from bulk.files.private_files import open_regular
from bulk.requests.look_ups import FoundEntries, LookUp
from bulk.requests.receipt_lines import (
    DECODER,
    FORMAT,
    MAX_LINE,
    NO_KEY,
    AnyLine,
    Entry,
    IdKind,
    Keyed,
    LineEntry,
    PersonEntry,
    ReceiptsFooter,
    ReceiptsHeader,
    check,
    first_sum,
)

OnRead = Callable[[Path, int, int], None]
"""Called while a file is read: with its path, the bytes read so far, and its size."""

_CHUNK = 1 << 20
_IDS_PER_REPORT = 10_000
_END_BYTES = 1 << 14
"""Bytes at either end in which the first and the last line are found."""
_RESTORE = "restore the receipts from a copy"
_NOT_RECEIPTS = "is not a receipts file"


class ReceiptsError(FileTrouble):
    """A receipts file is damaged, belongs to another job, or cannot be read."""


class Receipts:
    """Receipts whose first and last line were checked; `entries` checks the others.

    Arguments:
        path: the file.
        header: its first line.
        footer: its last line.
        key: of the keyed references; None for that of the file.
        on_read: called while the lines are read.

    Raises:
        ReceiptsError: there is no key.
    """

    def __init__(
        self,
        path: Path,
        header: ReceiptsHeader,
        footer: ReceiptsFooter,
        key: str | None = None,
        *,
        on_read: OnRead | None = None,
    ) -> None:
        self.path = path
        self._on_read = on_read
        self.header = header
        self.footer = footer
        key = header.key if key is None else key
        if key == NO_KEY:
            raise ReceiptsError(
                path, "has no key yet: its planning was interrupted", "run the job once, which completes it"
            )
        self.keyed = Keyed(key, folds_case=header.folds_case)

    @classmethod
    def open(cls, path: Path, *, key: str | None = None, on_read: OnRead | None = None) -> "Receipts":
        """Open receipts.

        Arguments:
            path: the file.
            key: the key from the plan, for receipts that do not have it yet.
            on_read: called while the lines are read, with the path, the bytes read so far, and the size.

        Raises:
            ReceiptsError: the first or the last line is damaged, or the file cannot be read.
        """
        header, footer = read_receipts_header(path)
        return cls(path, header, footer, key if header.key == NO_KEY else None, on_read=on_read)

    def entries(self) -> Iterator[Entry]:
        """Yield every entry in the order of the file.

        Raises:
            ReceiptsError: a line is damaged, missing, doubled or moved; the message has its number.
        """
        digest, before, number = hashlib.sha256(), first_sum(self.header.name), 1
        counts = {PersonEntry: 0, LineEntry: 0}
        footer: ReceiptsFooter | None = None
        for line in _lines(self.path, self._on_read):
            if number > 1:
                checksum = check(line[:-1], before)
                if checksum is None or footer is not None:
                    raise _damaged(self.path, number)
                before = checksum
                decoded = _decoded(self.path, number, line)
                if isinstance(decoded, ReceiptsFooter):
                    footer = decoded
                elif isinstance(decoded, PersonEntry | LineEntry):
                    digest.update(line)
                    counts[type(decoded)] += 1
                    yield decoded
                else:
                    raise _damaged(self.path, number)
            number += 1
        if footer is None:
            raise _without_footer(self.path, self.header)
        found = footer.persons, footer.lines, footer.digest
        if found != (counts[PersonEntry], counts[LineEntry], f"sha256:{digest.hexdigest()}"):
            raise _damaged(self.path, number - 1)

    def find(self, ids: Iterable[str], *, ids_file: Path | None = None) -> dict[str, LookUp]:
        """Return what the receipts tell about IDs: distinct IDs, UUIDs and emails, whichever they are.

        Arguments:
            ids: as the user has them; an ID that could be of several kinds is looked up as each of them.
            ids_file: the file that they come from, which `on_read` names while they are prepared; None for the
                receipts.

        Returns:
            The IDs that are part of the job; others are left out.

        Raises:
            ReceiptsError: a line is damaged.
        """
        names: dict[str, list[str]] = {}
        different = dict.fromkeys(ids)
        for place, value in enumerate(different):
            if self._on_read is not None and place % _IDS_PER_REPORT == 0:  # of a million, it takes several seconds
                self._on_read(ids_file or self.path, place, len(different))
            for kind, form in _forms(value):
                names.setdefault(self.keyed.id(kind, form), []).append(value)
        found = FoundEntries()
        for entry in self.entries():
            if isinstance(entry, PersonEntry):
                for reference in (entry.uuid, entry.distinct_id or ""):
                    for name in names.get(reference, ()):
                        found.add_targets(name, (entry.target,))
            else:
                for name in names.get(entry.id or "", ()):
                    found.add_line(name, entry)
        return self._followed(found)

    def request_lines(self, reference: str) -> list[LookUp]:
        """Return what the receipts tell about each line of a request; nothing if they have no such request.

        Arguments:
            reference: of the request.

        Raises:
            ReceiptsError: a line is damaged.
        """
        hidden = self.keyed.request(reference)
        found = FoundEntries()
        for entry in self.entries():
            if isinstance(entry, LineEntry) and (entry.reference == reference or entry.reference_id == hidden):
                found.add_line(str(entry.line), entry)
                if entry.outcome == "repeated" and entry.id is not None:
                    found.linked.setdefault(entry.id, set()).add(str(entry.line))
        return list(self._followed(found).values())

    def whole_job(self) -> list[LookUp]:
        """Return all persons of a job that is one request, then its lines that were not selected, each alone.

        It returns nothing if the job has requests of its own.

        Raises:
            ReceiptsError: a line is damaged.
        """
        targets, lines = list[int](), list[LookUp]()
        for entry in self.entries():
            if isinstance(entry, PersonEntry):
                targets.append(entry.target)
            elif entry.reference is not None or entry.reference_id is not None:
                return []
            elif entry.outcome not in ("selected", "repeated", "already_selected"):
                lines.append(LookUp(lines=(entry,)))
        return [LookUp(targets=tuple(sorted(targets))), *lines]

    def _followed(self, found: FoundEntries) -> dict[str, LookUp]:
        """Return what was found, with the targets to which it refers."""
        for _ in range(2):  # a repeated line refers to a line, which refers to persons
            linked, found.linked = found.linked, {}
            for entry in self.entries() if linked else ():
                if isinstance(entry, PersonEntry):
                    for name in linked.get(entry.uuid, set()) | linked.get(entry.distinct_id or "", set()):
                        found.add_targets(name, (entry.target,))
                elif entry.outcome != "repeated":
                    for name in linked.get(entry.id or "", ()):
                        found.add_line(name, entry)
        return found.look_ups()


def read_receipts_header(path: Path) -> tuple[ReceiptsHeader, ReceiptsFooter]:
    """Return the first and the last line of receipts, at a cost that does not depend on their size.

    Raises:
        ReceiptsError: it is another kind of file, has another format, or one of these lines is damaged.
    """
    fd = open_regular(path, os.O_RDONLY, ReceiptsError)
    try:
        with as_file_trouble(path, "cannot be read", ReceiptsError):
            size = os.fstat(fd).st_size
            head = os.pread(fd, _END_BYTES, 0)
            tail = os.pread(fd, _END_BYTES, max(0, size - _END_BYTES))
    finally:
        os.close(fd)
    first, end, _ = head.partition(b"\n")
    if not first.startswith(b'{"type":"receipts"') or not end:
        raise ReceiptsError(path, f"{_NOT_RECEIPTS}: line 1 is not its header", "name a *.receipts file")
    header = _decoded(path, 1, first)
    if not isinstance(header, ReceiptsHeader) or check(first, 0) is None:
        raise _damaged(path, 1)
    if header.format != FORMAT:
        raise ReceiptsError(
            path, f"has receipts format {header.format}, but this version reads format {FORMAT}", "use a newer version"
        )
    last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    try:
        footer = decode_line(last, DECODER) if last.endswith(b"\n") else None
    except ValueError:
        footer = None
    if not isinstance(footer, ReceiptsFooter):
        raise _without_footer(path, header)
    return header, footer


def _without_footer(path: Path, header: ReceiptsHeader) -> ReceiptsError:
    """Return the error for receipts whose last line is no footer: with the first line that is damaged."""
    number, before = 0, first_sum(header.name)
    try:
        for number, line in enumerate(_lines(path), 1):
            checksum = check(line[:-1], before if number > 1 else 0)
            if checksum is None:
                return _damaged(path, number)
            before = checksum if number > 1 else before
    except ReceiptsError as error:
        return error
    return ReceiptsError(path, f"ends after line {number:,}: its last line is missing", _RESTORE)


def _lines(path: Path, on_read: OnRead | None = None) -> Iterator[bytes]:
    fd = open_regular(path, os.O_RDONLY, ReceiptsError)
    try:
        rest = b""
        number = 1
        read, size = 0, os.fstat(fd).st_size
        while True:
            with as_file_trouble(path, "cannot be read", ReceiptsError):
                chunk = os.read(fd, _CHUNK)
            if not chunk:
                break
            read += len(chunk)
            if on_read is not None:
                on_read(path, read, size)
            *lines, rest = (rest + chunk).split(b"\n")
            number += len(lines)
            for line in lines:
                yield line + b"\n"
            if len(rest) > MAX_LINE:
                raise _damaged(path, number)
        if rest:
            raise _damaged(path, number)
    finally:
        os.close(fd)


def _decoded(path: Path, number: int, line: bytes) -> AnyLine:
    try:
        return decode_line(line, DECODER)
    except ValueError:
        raise _damaged(path, number) from None


def _damaged(path: Path, number: int) -> ReceiptsError:
    return ReceiptsError(path, f"was changed: line {number:,} fails its checksum", _RESTORE)


def _forms(value: str) -> Iterator[tuple[IdKind, str]]:
    """Yield what an ID may be, in the form in which receipts have it."""
    bare = value.strip()
    for form in dict.fromkeys((value, bare)):  # blanks around an ID come with it from a mail or a spreadsheet
        yield IdKind.DISTINCT_ID, form
        if "@" in form:
            yield IdKind.EMAIL, form
    if (uuid := canonical_uuid(bare)) is not None:
        yield IdKind.UUID, uuid


def canonical_uuid(text: str) -> str | None:
    """Return a UUID in its usual form; None for any other text."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
