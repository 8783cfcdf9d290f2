"""The table of recordings is what `recordings_after` does (guarantee 21)."""

import pytest

from bulk.states import Recordings
from bulk.targets import recording_states
from bulk.targets.observations import Observation
from bulk.targets.reasons import AxisStatus, Reason
from bulk.targets.recording_states import READ_BY_VERIFY, RECORDING_READS, recordings_after

Obs = Observation
COLUMNS = (
    (Obs.RECORDINGS_MARKED,),
    (Obs.RECORDINGS_KEPT,),
    (Obs.RECORDINGS_KEPT_OVERDUE,),
    (Obs.RECORDINGS_NONE_EVER, Obs.RECORDINGS_NONE_LEFT, Obs.RECORDINGS_NONE_SHOWN),
    (Obs.RECORDINGS_NOT_ALLOWED, Obs.RECORDINGS_NOT_MARKED_HERE, Obs.RECORDINGS_NOT_NOTED),
)


def drawn() -> dict[Recordings, list[str]]:
    """Return the rows of the table, without the marks of notes."""
    lines = [line for line in (recording_states.__doc__ or "").split("\n") if line.startswith("    ") and "|" in line]
    rows = [[cell.split("[")[0].strip() for cell in line.split("|")] for line in lines[1:]]
    return {Recordings[name.upper()]: cells for name, *cells in rows}


def test_the_table_is_drawn_right() -> None:
    rows = drawn()
    assert rows.keys() == READ_BY_VERIFY
    assert {each for column in COLUMNS for each in column} == RECORDING_READS
    for state in Recordings:
        for column, name in zip(COLUMNS, rows.get(state, ["-"] * len(COLUMNS)), strict=True):
            for observation in column:
                after = recordings_after(AxisStatus(state), observation).state
                assert after.name.lower() == (state.name.lower() if name == "-" else name), (state, observation)


@pytest.mark.parametrize(
    "observation", sorted(RECORDING_READS - {Obs.RECORDINGS_MARKED}, key=str), ids=lambda each: each.name
)
def test_recordings_are_deleted_only_by_a_read_that_shows_them_so(observation: Observation) -> None:
    for state in Recordings:
        if state is not Recordings.DELETED:
            assert recordings_after(AxisStatus(state), observation).state is not Recordings.DELETED


@pytest.mark.parametrize(
    ("observation", "reason"),
    [
        (Obs.RECORDINGS_NONE_EVER, Reason.NO_RECORDINGS),
        (Obs.RECORDINGS_NONE_LEFT, Reason.RECORDINGS_NOT_LEFT),
        (Obs.RECORDINGS_NONE_SHOWN, Reason.RECORDINGS_NOT_SHOWN),
        (Obs.RECORDINGS_NOT_ALLOWED, Reason.NO_QUERY_SCOPE),
        (Obs.RECORDINGS_NOT_MARKED_HERE, Reason.NO_RECORDING_MARKS),
        (Obs.RECORDINGS_NOT_NOTED, Reason.RECORDINGS_NOT_NOTED),
    ],
)
def test_what_is_not_verifiable_says_why(observation: Observation, reason: Reason) -> None:
    after = recordings_after(AxisStatus(Recordings.REQUESTED), observation)
    assert after == AxisStatus(Recordings.NOT_VERIFIABLE, reason)
