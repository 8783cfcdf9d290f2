"""The words of the display for phases, rate limits and routes. Pure."""

from bulk.sanitize import plain

_PHASES = {
    "checking": "Checking",
    "checking person": "Checking the person",
    "planning": "Planning",
    "exporting": "Exporting",
    "reading": "Reading files",
    "destroying": "Destroying files",
    "reporting": "Making the report",
    "test batch": "Test batch",
    "sending": "Sending",
    "submitting": "Submitting",
    "reading back": "Reading back",
}
_PHASE_STARTS = {
    **_PHASES,
    "checking": "Checking the journal and the project",
    "test batch": "Test batch: a few persons are processed and read back before the rest",
}
_BUCKETS = {
    "deletes": "deletions",
    "others": "reads and changes",
    "default": "reads of the project",
    "previews": "counts of events",
    "submissions": "submissions",
}
_ROUTES = {"rest": "REST", "capture": "capture"}


def phase_name(phase: str) -> str:
    """Return the name of a phase."""
    return _PHASES.get(phase, plain(phase))


def phase_start(phase: str) -> str:
    """Return the line with which a phase begins."""
    return _PHASE_STARTS.get(phase, plain(phase))


def bucket_name(bucket: str) -> str:
    """Return which requests a rate limit is for."""
    return _BUCKETS.get(bucket, plain(bucket))


def route_name(route: str) -> str:
    """Return the name of a route by which properties are changed."""
    return _ROUTES.get(route, plain(route))
