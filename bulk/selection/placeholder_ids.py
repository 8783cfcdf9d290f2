"""Recognizes placeholder IDs: values such as "undefined" that a broken integration sends as distinct ID. Pure.

One person collects the events of many people under such an ID, so deleting by it is nearly always a mistake. The list
holds the IDs that PostHog never merges persons by, and the words of databases and languages for a missing value.
"""

_ANY_CASE = frozenset(
    {
        "anonymous",
        "distinct_id",
        "distinctid",
        "email",
        "false",
        "guest",
        "id",
        "nil",
        "none",
        "not_authenticated",
        "null",
        "true",
        "undefined",
    }
)
_AS_WRITTEN = frozenset(
    {
        "0",
        "NaN",  # "nan" may be a name
        "[object Object]",
        "0" * 32,
        "00000000-0000-0000-0000-000000000000",
    }
)
_QUOTES = ('"', "'", "`")


def is_placeholder(distinct_id: str) -> bool:
    """Return whether a distinct ID is a placeholder; spaces and quotes around it are ignored.

    Arguments:
        distinct_id: from an input file or a person.
    """
    bare = distinct_id.strip()
    if bare.startswith(_QUOTES):
        bare = _unwrapped(bare)
    return not bare or bare in _AS_WRITTEN or bare.lower() in _ANY_CASE


def _unwrapped(bare: str) -> str:
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _QUOTES:
        bare = bare[1:-1].strip()
    return bare
