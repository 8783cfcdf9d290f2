"""What a job makes of properties: the same values for all or own values for each, with or without a before-image."""

from pathlib import Path
from typing import Any

import msgspec
from job_model.case import OPERATIONS, Case
from job_model.world.project import Member

from bulk import UpdateProperties, open_rows


def chosen(case: Case, members: list[Member], before: Path) -> tuple[Any, Any]:
    """The operation of a case, and the selection of its persons.

    Arguments:
        members: those that the job is for.
        before: the file of the before-image, which only some cases keep.
    """
    operation, kept = OPERATIONS[case.operation], str(before) if case.keeps_before else None
    if case.per_person:
        by_uuid = case.selected_by == "uuids"
        ids = [{"uuid": str(each.uuid)} if by_uuid else {"distinct_id": each.distinct_ids[0]} for each in members]
        rows = open_rows(
            [one | values_of(case, each) for one, each in zip(ids, members, strict=True)],
            id_column="uuid" if by_uuid else "distinct_id",
        )
        return UpdateProperties.per_person(rows, route=operation.route, keep_before=kept), rows
    if kept is not None:
        operation = msgspec.structs.replace(operation, keep_before=kept)
    return operation, case.selection([each.uuid for each in members], [each.distinct_ids[0] for each in members])


def values_of(case: Case, member: Member) -> dict[str, Any]:
    """The values that an update gives to a person."""
    values: dict[str, Any] = dict(getattr(OPERATIONS[case.operation], "properties", {}))
    return values | ({"seats": 10 + int(member.name[1:])} if case.per_person else {})


def is_as_asked(case: Case, member: Member, properties: dict[str, Any]) -> bool:
    """Whether properties are what the operation makes of them."""
    if case.operation.startswith("unset"):
        return not any(key in properties for key in OPERATIONS[case.operation].keys)
    return all(key in properties and properties[key] == value for key, value in values_of(case, member).items())
