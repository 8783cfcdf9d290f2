"""Distinct ids that stand for nobody in particular: what a broken integration sends instead of a person's id.

Many persons' events may hang on the person that carries one of them, so deleting by it is nearly always a
mistake. The list is PostHog's own of ids that it never merges persons by, with what databases and languages
write for "nothing" besides. Pure; knows no file and no client.
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
_AS_WRITTEN = frozenset({"0", "NaN", "[object Object]"})  # "nan" may be a name
_NIL_UUIDS = frozenset({"0" * 32, "00000000-0000-0000-0000-000000000000"})
_QUOTES = "\"'`"


def is_shared(distinct_id: str) -> bool:
    """Whether a distinct id stands for nobody in particular.

    Blanks around it and quotes of one kind around it do not count.

    Args:
        distinct_id: as an input file or a person has it.
    """
    bare = _unwrapped(distinct_id)
    return not bare or bare in _AS_WRITTEN or bare in _NIL_UUIDS or bare.lower() in _ANY_CASE


def _unwrapped(text: str) -> str:
    bare = text.strip()
    while len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _QUOTES:
        bare = bare[1:-1].strip()
    return bare
