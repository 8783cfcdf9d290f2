"""Texts that would break out of a path, a query or a body if one were made by pasting them together."""

from functools import cache
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

WRITTEN = (
    *("..", ".", "../", "../..", "/", "//", "\\", "..\\..", "/..;/", "./", "a/b", "a//b", "/etc/passwd"),
    *("%2e%2e", "%2e%2e%2f", "%2E%2E/", "%252e%252e%252f", "%2f", "%5c", "%00", "%", "%zz", "%c0%ae", "a%2fb", "%20"),
    *("../../persons/", "../../../projects/1/", "x/../../2/persons/1", "bulk_delete/", "1/delete_events/", "@current"),
    *("?delete_events=true", "&delete_events=true", "x?delete_events", "#delete_events=true", "?keep_person=1&"),
    *("a b", " leading", "trailing ", "+", "a+b", "=", "a=b&c=d", ";a=b", "?", "#", "#x", ":", "http://x.com/", "//x"),
    *("a\nb", "a\r\nb", "a\r\nHost: b", "a\r\n\r\nDELETE /", "a\tb", "a\x0b", "\x1b[31m", "\x7f", "a\x85b"),
    *("a\u2028b", "\u202egnp", "\ufeff", "\u200b", "\u0301", "é", "e\u0301", "ß", "İ", "日本語", "😀", "👨‍👩‍👧"),
    *('"', "'", "`", '{"a": 1}', "[]", "[1]", "{}", "{id}", "}{", '","ids":["', "null", "undefined", "true", "NaN"),
    *("0", "00", "1", "01", "-1", "1.0", "1e3", "0x10", "１", "٤٢", "1_000", "9223372036854775807", "9" * 40, "1.csv"),
    *("0" * 32, "00000000-0000-0000-0000-000000000000", "not-a-uuid", "018f0000-0000-7000-8000-00000000000g"),
    *("$set", "$unset", "$delete_person_property", "$set_once", "properties", "distinct_id", "ids", "token", "api_key"),
    *("personal_api_key", "__proto__", "constructor", "delete_events", "keep_person", "format", "=1+1", "@SUM(1)"),
    *(
        "' OR 1=1 --",
        "{after}",
        "%s",
        "${x}",
        "{{x}}",
        "<script>",
        "<!--",
        "a\\u0000b",
        "\\\\",
        '\\"',
        "phx_" + "x" * 40,
    ),
    *("x" * 200, "x" * 201, "é" * 200, "😀" * 150, "/" * 300, "x" * 400),
)
UNSENDABLE = ("", " ", "\t\n", "\x0b", "\x85", "\u2028", "\0", "a\0b", "\ud800", "a\udfffb")
"""No key of a property, and no distinct id: blank, or nothing that a server can hold."""

_PIECES = st.sampled_from([each for each in WRITTEN if len(each) < 30])
_TEXTS = st.lists(_PIECES | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=4)


def hostile_texts(count: int, *, uuid: UUID, number: int) -> list[str]:
    """So many different texts, the same every time: written down, or put together by chance.

    Arguments:
        uuid, number: of a person that must not be reached by a distinct id that looks like it.
    """
    forms = (str(uuid), uuid.hex, str(uuid).upper(), f"{{{uuid}}}", f"urn:uuid:{uuid}", f"{uuid}/", f" {uuid}")
    numbers = (str(number), f"0{number}", f"{number}/", f"{number}?delete_events")
    found = list(dict.fromkeys((*WRITTEN, *forms, *numbers, *_by_chance(count))))
    assert len(found) >= count, "too few to choose from"
    return found[:count]


@cache
def _by_chance(count: int) -> tuple[str, ...]:
    found: dict[str, None] = {}

    @seed(2026)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(_TEXTS)
    def collect(pieces: list[str]) -> None:
        text = "".join(pieces)
        if "\0" not in text and text.strip():
            found.setdefault(text)

    collect()
    return tuple(found)
