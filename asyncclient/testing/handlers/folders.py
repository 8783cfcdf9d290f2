"""The persisted folders of the key's user (contract 7)."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.tables.folders import PROTOCOL, Folder, TypeTaken
from asyncclient.testing.tables.person import iso
from asyncclient.testing.tables.uuids import parse, spell

_DEFAULT_LIMIT = 100
_LONGEST_PROTOCOL = 64
_REQUIRED = "This field is required."


def list_folders(job: HandlerContext) -> Response:
    """One page of the user's folders, by type."""
    folders = job.mutations.folders.of(_email(job))
    limit = _number(job.call, "limit", _DEFAULT_LIMIT) or _DEFAULT_LIMIT
    offset = _number(job.call, "offset", 0)
    return envelope.ok(
        {
            "count": len(folders),
            "next": _link(job, limit, offset + limit) if offset + limit < len(folders) else None,
            "previous": _link(job, limit, offset - limit) if offset > 0 else None,
            "results": [_body(folder) for folder in folders[offset : offset + limit]],
        }
    )


def create_folder(job: HandlerContext) -> Response:
    """Make the folder of a type, or overwrite the one there is: what is left out goes back to its default."""
    given = validated(job.call.data, types=_types(job), partial=False)
    kind, protocol, path = given["type"], given.get("protocol", PROTOCOL), given.get("path", "")
    folder = job.mutations.folders.put(_email(job), kind, protocol=protocol, path=path)
    job.applied = True
    return envelope.ok(_body(folder), 201)


def get_folder(job: HandlerContext) -> Response:
    """One folder."""
    return envelope.ok(_body(_folder(job)))


def update_folder(job: HandlerContext) -> Response:
    """Change a folder; what is left out stays, but PUT asks for the type."""
    folder = _folder(job)
    given = validated(job.call.data, types=_types(job), partial=job.call.method == "PATCH")
    wanted = {"type": folder.type, "protocol": folder.protocol, "path": folder.path} | given
    try:
        changed = job.mutations.folders.change(folder, **wanted)
    except TypeTaken:
        # A unique index is violated, which nobody there handles.
        raise envelope.server_error() from None
    job.applied = True
    return envelope.ok(_body(changed))


def delete_folder(job: HandlerContext) -> Response:
    """Delete a folder."""
    job.mutations.folders.remove(_folder(job))
    job.applied = True
    return envelope.empty(204)


def validated(data: Any, *, types: tuple[str, ...], partial: bool) -> dict[str, str]:
    """The fields of a folder as the framework's serializer takes them. Raises Refusal for the first that is wrong."""
    if data is None:
        raise envelope.invalid("No data provided", code="null")
    if not isinstance(data, dict):
        raise envelope.invalid(f"Invalid data. Expected a dictionary, but got {type(data).__name__}.")
    given: dict[str, str] = {}
    if "type" in data:
        given["type"] = _choice(data["type"], types)
    elif not partial:
        raise envelope.invalid(_REQUIRED, code="required", attr="type")
    if "protocol" in data:
        given["protocol"] = protocol = _text(data["protocol"], "protocol")
        if not protocol:
            raise envelope.invalid("This field may not be blank.", code="blank", attr="protocol")
        if len(protocol) > _LONGEST_PROTOCOL:
            detail = f"Ensure this field has no more than {_LONGEST_PROTOCOL} characters."
            raise envelope.invalid(detail, code="max_length", attr="protocol")
        _without_nul(protocol, "protocol")
    if "path" in data:
        given["path"] = _text(data["path"], "path")
        _without_nul(given["path"], "path")
    return given


def _choice(value: Any, types: tuple[str, ...]) -> str:
    _not_null(value, "type")
    if str(value) not in types:
        raise envelope.invalid(f'"{value}" is not a valid choice.', code="invalid_choice", attr="type")
    return str(value)


def _text(value: Any, attr: str) -> str:
    _not_null(value, attr)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise envelope.invalid("Not a valid string.", attr=attr)
    return str(value).strip()


def _not_null(value: Any, attr: str) -> None:
    if value is None:
        raise envelope.invalid("This field may not be null.", code="null", attr=attr)


def _without_nul(text: str, attr: str) -> None:
    if "\x00" in text:
        detail = "Null characters are not allowed."
        raise envelope.invalid(detail, code="null_characters_not_allowed", attr=attr)


def _types(job: HandlerContext) -> tuple[str, ...]:
    return ("home", "pinned", "custom_products") if job.options.custom_products else ("home", "pinned")


def _folder(job: HandlerContext) -> Folder:
    raw = parse(job.values["id"])
    folder = None if raw is None else job.mutations.folders.get(_email(job), raw)
    if folder is None:
        raise envelope.not_found()
    return folder


def _email(job: HandlerContext) -> str:
    assert job.holder is not None, "folders ask for a key"
    return job.holder.email


def _body(folder: Folder) -> dict[str, str]:
    return {
        "id": spell(folder.raw_id),
        "type": folder.type,
        "protocol": folder.protocol,
        "path": folder.path,
        "created_at": iso(folder.created_us),
        "updated_at": iso(folder.updated_us),
    }


def _number(call: ParsedRequest, name: str, default: int) -> int:
    """A number of the query; what is none is passed over without a word."""
    try:
        return max(0, int(call.parameters.get(name, default)))
    except ValueError:
        return default


def _link(job: HandlerContext, limit: int, offset: int) -> str:
    url, _, query = job.call.url(page_path(job.call, job.options)).partition("?")
    fields = dict(parse_qsl(query, keep_blank_values=True)) | {"limit": str(limit)}
    fields.pop("offset", None)
    if offset > 0:
        fields["offset"] = str(offset)
    return f"{url}?{urlencode(sorted(fields.items()))}"
