"""Lines that are checked together have the same outcome as each of them alone."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk.selection.inputs.line_checks import Kind, Line, Reason, RefusedLine, block_check, line_check
from bulk.selection.inputs.line_splitter import pieces_of, split_blocks, whole_blocks, whole_lines

UUID = "0190c0de-0000-4000-8000-00000000000a"
OTHER = "0190c0de-0000-4000-8000-00000000000b"

uuids = st.uuids().map(str)
spelled = st.one_of(
    uuids,
    uuids.map(str.upper),
    uuids.map("{{{}}}".format),
    uuids.map(lambda text: text.replace("-", "")),
    uuids.map(" {} ".format),
    uuids.map(lambda text: f'{text}","{text}'),
    st.text(st.characters(exclude_characters="\n\r"), max_size=40),
)


@given(st.sampled_from([Kind.PERSON_ID, Kind.DISTINCT_ID, Kind.EMAIL]), st.lists(spelled | st.none(), max_size=8))
@example(Kind.PERSON_ID, [UUID, OTHER])
@example(Kind.PERSON_ID, [])
@example(Kind.PERSON_ID, [f'{UUID}","{OTHER}'])
@example(Kind.PERSON_ID, [f'{UUID}","{OTHER}', None])
@example(Kind.PERSON_ID, [UUID, "\ud800"])
def test_each_line_has_the_outcome_that_it_has_alone(kind: Kind, texts: list[str | None]) -> None:
    lines = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    check = line_check(kind)
    alone = [
        check(number, None if data is None else data.decode("utf-8", "surrogateescape"))
        for number, data in enumerate(lines, 7)
    ]
    assert block_check(kind)(7, lines) == alone


def test_two_uuids_on_one_line_are_no_two_lines() -> None:
    two = f'{UUID}","{OTHER}'.encode()
    assert block_check(Kind.PERSON_ID)(1, [two]) == [RefusedLine(1, Reason.NOT_A_UUID)]
    assert block_check(Kind.PERSON_ID)(1, [two, UUID.encode()]) == [
        RefusedLine(1, Reason.NOT_A_UUID),
        Line(2, UUID),
    ]


@pytest.mark.parametrize("limit", [0, 3, 100])
@given(chunks=st.lists(st.text("ab\n\r", max_size=6).map(str.encode), max_size=6))
def test_blocks_have_the_lines_of_their_pieces(limit: int, chunks: list[bytes]) -> None:
    def numbered() -> Iterator[tuple[int, bytes | None]]:
        for first, lines in whole_blocks(split_blocks(chunks), limit):
            yield from enumerate(lines, first)

    assert list(numbered()) == list(whole_lines(pieces_of(split_blocks(chunks)), limit))


def test_no_line_waits_for_a_later_part_of_the_file() -> None:
    chunks = iter([b"a\nb\nc", b"c\nd", b"\n"])
    blocks = whole_blocks(split_blocks(chunks), 100)
    assert next(blocks) == (1, [b"a", b"b"])
    assert next(chunks) == b"c\nd"
    assert list(blocks) == [(3, [b"c"])]
