"""The handler of each action, by the names of the route table.

An action that is not listed here responds with 405.
"""

from collections.abc import Callable

from asyncclient.testing.handlers.capture import capture, flags
from asyncclient.testing.handlers.data_deletion import (
    create_deletion,
    get_deletion,
    list_deletions,
    preview_deletion,
)
from asyncclient.testing.handlers.event_deletion import delete_events, delete_recordings, deletion_status
from asyncclient.testing.handlers.folders import create_folder, delete_folder, get_folder, list_folders, update_folder
from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.insights import funnel, lifecycle, trends
from asyncclient.testing.handlers.persons.activity import activity, all_activity
from asyncclient.testing.handlers.persons.changing import delete_property, update, update_property
from asyncclient.testing.handlers.persons.deleting import bulk_delete, destroy
from asyncclient.testing.handlers.persons.identities import reset_distinct_id, split
from asyncclient.testing.handlers.persons.listing import list_persons
from asyncclient.testing.handlers.persons.lookups import cohorts, emails, values
from asyncclient.testing.handlers.persons.property_history import properties_at_time, properties_timeline
from asyncclient.testing.handlers.persons.reading import batch_by_distinct_ids, batch_by_uuids, retrieve
from asyncclient.testing.handlers.projects import projects
from asyncclient.testing.handlers.query import query
from asyncclient.testing.handlers.recordings import bulk_delete_recordings, list_recordings
from asyncclient.testing.http.envelope import Response

HANDLERS: dict[str, Callable[[HandlerContext], Response]] = {
    "projects": projects,
    "list": list_persons,
    "retrieve": retrieve,
    "destroy": destroy,
    "bulk_delete": bulk_delete,
    "delete_events": delete_events,
    "delete_recordings": delete_recordings,
    "batch_by_distinct_ids": batch_by_distinct_ids,
    "batch_by_uuids": batch_by_uuids,
    "deletion_status": deletion_status,
    "update": update,
    "update_property": update_property,
    "delete_property": delete_property,
    "activity": activity,
    "all_activity": all_activity,
    "properties_timeline": properties_timeline,
    "properties_at_time": properties_at_time,
    "values": values,
    "cohorts": cohorts,
    "emails": emails,
    "split": split,
    "reset_distinct_id": reset_distinct_id,
    "funnel": funnel,
    "trends": trends,
    "lifecycle": lifecycle,
    "list_folders": list_folders,
    "create_folder": create_folder,
    "get_folder": get_folder,
    "replace_folder": update_folder,
    "update_folder": update_folder,
    "delete_folder": delete_folder,
    "capture": capture,
    "flags": flags,
    "query": query,
    "list_recordings": list_recordings,
    "preview_deletion": preview_deletion,
    "create_deletion": create_deletion,
    "list_deletions": list_deletions,
    "get_deletion": get_deletion,
    "bulk_delete_recordings": bulk_delete_recordings,
}
