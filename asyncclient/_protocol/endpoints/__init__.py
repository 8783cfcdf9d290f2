"""One function per call: the only place that spells out paths, methods and query parameters. Pure.

IDs are parsed before a path is built, so that no input can change path, query or host (guarantee 28).
"""

from asyncclient._protocol.endpoints.arguments import Format, seconds
from asyncclient._protocol.endpoints.calls import in_csv
from asyncclient._protocol.endpoints.capture import batches, capture_events
from asyncclient._protocol.endpoints.capture_event import CaptureEvent
from asyncclient._protocol.endpoints.changes import (
    delete_property,
    reset_distinct_id,
    split_person,
    update_person,
    update_property,
)
from asyncclient._protocol.endpoints.deletes import bulk_delete, delete_events, delete_person, delete_recordings
from asyncclient._protocol.endpoints.erasure.data_deletion import (
    create_deletion,
    get_deletion,
    list_deletions,
    preview_deletion,
)
from asyncclient._protocol.endpoints.erasure.recordings import (
    delete_recordings_by_id,
    list_recordings,
    recording_marks,
)
from asyncclient._protocol.endpoints.folders import (
    FolderType,
    create_folder,
    delete_folder,
    get_folder,
    list_folders,
    update_folder,
)
from asyncclient._protocol.endpoints.history import (
    all_activity,
    person_activity,
    person_emails,
    properties_at_time,
    properties_timeline,
)
from asyncclient._protocol.endpoints.persons import (
    DeletionStatus,
    batch_by_distinct_ids,
    batch_by_uuids,
    cohorts,
    deletion_status,
    export_persons,
    get_nil_person,
    get_person,
    list_persons,
    probe,
    probe_batch,
    probe_deletion_status,
    values,
)
from asyncclient._protocol.endpoints.projects import get_project, list_projects
from asyncclient._protocol.endpoints.properties import EncodedProperties, property_keys, property_object
from asyncclient._protocol.endpoints.query import column_page, hogql, persons_having
from asyncclient._protocol.ids import PersonId, person_id, person_uuid, project_id

__all__ = [
    "CaptureEvent",
    "DeletionStatus",
    "EncodedProperties",
    "FolderType",
    "Format",
    "PersonId",
    "all_activity",
    "batch_by_distinct_ids",
    "batch_by_uuids",
    "batches",
    "bulk_delete",
    "capture_events",
    "cohorts",
    "column_page",
    "create_deletion",
    "create_folder",
    "delete_events",
    "delete_folder",
    "delete_person",
    "delete_property",
    "delete_recordings",
    "delete_recordings_by_id",
    "deletion_status",
    "export_persons",
    "get_deletion",
    "get_folder",
    "get_nil_person",
    "get_person",
    "get_project",
    "hogql",
    "in_csv",
    "list_deletions",
    "list_folders",
    "list_persons",
    "list_projects",
    "list_recordings",
    "person_activity",
    "person_emails",
    "person_id",
    "person_uuid",
    "persons_having",
    "preview_deletion",
    "probe",
    "probe_batch",
    "probe_deletion_status",
    "project_id",
    "properties_at_time",
    "properties_timeline",
    "property_keys",
    "property_object",
    "recording_marks",
    "reset_distinct_id",
    "seconds",
    "split_person",
    "update_folder",
    "update_person",
    "update_property",
    "values",
]
