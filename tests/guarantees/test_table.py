"""The table of twins quotes the packages as they are. A quick check, to be run after changing a quoted line."""

from collections.abc import Iterator
from functools import cache

from harness import ROOT
from table import TWINS, Twin


def test_each_quoted_text_occurs_once_and_each_test_exists() -> None:
    read = cache(lambda file: (ROOT / file).read_text())

    def faults(twin: Twin) -> Iterator[str]:
        for change in twin.cuts:
            found = read(change.file).count(change.old)
            if found != 1:
                yield f"{change.file} has the quoted text {found} times, not once: {change.old!r}"
        for node in twin.tests:
            file, _, name = node.partition("::")
            if f"def {name.partition('[')[0]}(" not in read(file):
                yield f"there is no test {node}"

    assert [f"{twin.guarantee:02} {twin.says}: {fault}" for twin in TWINS for fault in faults(twin)] == []
