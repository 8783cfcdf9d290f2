"""The whole table: for each guarantee, the mistakes that would break it and the tests that notice them.

A row stands in the module of what its first change is in.
"""

from twin import Cut, Twin
from twins.client.limits import LIMITS
from twins.client.listings import LISTINGS
from twins.client.requests import REQUESTS
from twins.client.responses import RESPONSES
from twins.client.retries import RETRIES
from twins.client.transport import TRANSPORT
from twins.engine.attempts import ATTEMPTS
from twins.engine.kept_persons import KEPT_PERSONS
from twins.engine.left_out import LEFT_OUT
from twins.engine.reading import READING
from twins.engine.run import RUN
from twins.engine.sending import SENDING
from twins.engine.states import STATES
from twins.engine.verification import VERIFICATION
from twins.engine.without_person import WITHOUT_PERSON
from twins.files.before_images import BEFORE_IMAGES
from twins.files.jobs import JOBS
from twins.files.journal_contents import JOURNAL_CONTENTS
from twins.files.journal_file import JOURNAL_FILE
from twins.files.plan_file import PLAN_FILE
from twins.files.private_files import PRIVATE_FILES
from twins.files.receipts import RECEIPTS
from twins.output.commands import COMMANDS
from twins.output.exports import EXPORTS
from twins.output.progress import PROGRESS
from twins.output.reports import REPORTS
from twins.planning.inputs import INPUTS
from twins.planning.plans import PLANS
from twins.planning.selections import SELECTIONS
from twins.planning.values import VALUES

__all__ = ["GUARANTEES", "TWINS", "Cut", "Twin"]

GUARANTEES = 37
_ROWS = (
    *LIMITS,
    *LISTINGS,
    *REQUESTS,
    *RESPONSES,
    *RETRIES,
    *TRANSPORT,
    *ATTEMPTS,
    *KEPT_PERSONS,
    *LEFT_OUT,
    *WITHOUT_PERSON,
    *READING,
    *RUN,
    *SENDING,
    *STATES,
    *VERIFICATION,
    *BEFORE_IMAGES,
    *JOBS,
    *JOURNAL_CONTENTS,
    *JOURNAL_FILE,
    *PLAN_FILE,
    *PRIVATE_FILES,
    *RECEIPTS,
    *COMMANDS,
    *EXPORTS,
    *PROGRESS,
    *REPORTS,
    *INPUTS,
    *PLANS,
    *SELECTIONS,
    *VALUES,
)
TWINS: tuple[Twin, ...] = tuple(sorted(_ROWS, key=lambda row: row.guarantee))
