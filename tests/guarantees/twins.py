"""The whole table: for each guarantee, the mistakes that would break it and the tests that notice them."""

from client_twins import CLIENT
from display_twins import DISPLAY
from engine_twins import ENGINE
from input_twins import INPUTS
from outage_twins import OUTAGES
from output_twins import OUTPUTS
from personless_twins import PERSONLESS
from proof_twins import PROOF
from property_twins import PROPERTIES
from reading_twins import READING
from resume_twins import RESUMES
from selection_twins import SELECTIONS
from state_twins import STATES
from storage_twins import STORAGE
from stream_twins import STREAMS
from twin import Cut, Twin
from value_twins import VALUES

__all__ = ["GUARANTEES", "TWINS", "Cut", "Twin"]

GUARANTEES = 37
_ROWS = (
    *CLIENT,
    *DISPLAY,
    *ENGINE,
    *INPUTS,
    *OUTAGES,
    *OUTPUTS,
    *PERSONLESS,
    *PROOF,
    *PROPERTIES,
    *READING,
    *RESUMES,
    *SELECTIONS,
    *STATES,
    *STORAGE,
    *STREAMS,
    *VALUES,
)
TWINS: tuple[Twin, ...] = tuple(sorted(_ROWS, key=lambda row: row.guarantee))
