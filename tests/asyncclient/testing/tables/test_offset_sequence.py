"""The ordered sequence behind listings, against a sorted list."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from asyncclient.testing.handlers.persons.listing import _fetch
from asyncclient.testing.tables.offset_sequence import OffsetSequence


def sort_key(row):
    return row % 97, row


class AgainstASortedList(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.model = sorted(range(0, 300, 3), key=sort_key)
        self.rows = OffsetSequence(sort_key, self.model, fill=4)

    @rule(row=st.integers(0, 400))
    def add_or_remove(self, row):
        if row in self.model:
            assert self.rows.remove(row)
            self.model.remove(row)
        else:
            assert not self.rows.remove(row)
            self.rows.add(row)
            self.model.append(row)
            self.model.sort(key=sort_key)

    @rule(start=st.integers(500, 900), step=st.sampled_from([1, 97]))
    def add_many_in_one_place(self, start, step):
        for row in range(start, start + 30 * step, step):
            if row not in self.model:
                self.rows.add(row)
                self.model.append(row)
        self.model.sort(key=sort_key)

    @precondition(lambda self: len(self.model) > 60)
    @rule(at=st.floats(0, 1))
    def remove_a_stretch(self, at):
        begin = int(at * (len(self.model) - 50))
        for row in self.model[begin : begin + 50]:
            assert self.rows.remove(row)
        del self.model[begin : begin + 50]

    @rule(at=st.floats(0, 1.1), limit=st.integers(0, 90))
    def page(self, at, limit):
        offset = int(at * len(self.model))
        assert self.rows.page(offset, limit) == self.model[offset : offset + limit]

    @invariant()
    def same_length(self):
        assert len(self.rows) == len(self.model)

    def teardown(self):
        assert list(self.rows) == self.model


TestAgainstASortedList = AgainstASortedList.TestCase
TestAgainstASortedList.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_an_empty_sequence_can_be_filled_and_emptied():
    rows = OffsetSequence(sort_key)
    assert rows.page(0, 10) == []
    for row in range(1000):
        rows.add(row)
    for row in range(1000):
        assert rows.remove(row)
    assert (len(rows), rows.page(0, 10)) == (0, [])
    rows.add(5)
    assert rows.page(0, 10) == [5]


@given(count=st.integers(0, 60), every=st.integers(2, 7), offset=st.integers(0, 80), limit=st.integers(1, 30))
def test_rows_without_a_person_are_at_every_nth_place(count, every, offset, limit):
    interleaved = []
    for row in range(count):
        interleaved.append(row)
        if len(interleaved) % every == every - 1:
            interleaved.append(None)
    expected = interleaved[offset : offset + limit]
    rows = OffsetSequence(lambda row: row, range(count))
    assert len(interleaved) == count + count // (every - 1)
    assert _fetch(rows, offset, len(expected), every) == [row for row in expected if row is not None]
