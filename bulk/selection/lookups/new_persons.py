"""Records the persons of a page that are new and may be in the plan. Sends nothing."""

from collections.abc import Sequence

from bulk.files.disk_sets import DiskIdSet
from bulk.selection.input_findings import Findings
from bulk.selection.selected_person import SelectedPerson


def record_new(found: Sequence[SelectedPerson], persons: DiskIdSet, findings: Findings) -> list[SelectedPerson]:
    """Return the persons that were not found before and are not protected, and count them.

    Arguments:
        found: the persons of a page or of a batch.
        persons: those that were found before; gets the new ones, protected or not.
        findings: counts the targets and the protected persons.
    """
    fresh = persons.add_many(person.ref.uuid for person in found)
    new = [person for person, is_new in zip(found, fresh, strict=True) if is_new]
    new = [person for person in new if not findings.leave_out(person.ref.uuid)]
    for person in new:
        findings.add_target(len(person.ref.distinct_ids))
        findings.count_properties(person.ref.uuid, person.keys)
    return new
