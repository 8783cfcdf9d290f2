"""Handlers for the persisted folders of the key's user (contract 7)."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from asyncclient.testing.handlers.handler_context import HandlerContext
from asyncclient.testing.handlers.persons.listing import page_path
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.tables.folders import PROTOCOL, Folder, TypeTaken
from asyncclient.testing.tables.person import iso
from asyncclient.testing.tables.uuids import format_uuid, parse_uuid

_DEFAULT_LIMIT = 100
_MAX_PROTOCOL = 64
_REQUIRED = "This field is required."


def list_folders(context: HandlerContext) -> Response:
    """Return one page of the user's folders, by type."""
    folders = context.mutations.folders.of(_email(context))
    limit = _number(context.request, "limit", _DEFAULT_LIMIT) or _DEFAULT_LIMIT
    offset = _number(context.request, "offset", 0)
    return envelope.ok(
        {
            "count": len(folders),
            "next": _link(context, limit, offset + limit) if offset + limit < len(folders) else None,
            "previous": _link(context, limit, offset - limit) if offset > 0 else None,
            "results": [_body(folder) for folder in folders[offset : offset + limit]],
        }
    )


def create_folder(context: HandlerContext) -> Response:
    """Create the folder of a type, or overwrite the existing one; omitted fields get their defaults."""
    given = validated(context.request.data, types=_types(context), partial=False)
    kind, protocol, path = given["type"], given.get("protocol", PROTOCOL), given.get("path", "")
    folder = context.mutations.folders.put(_email(context), kind, protocol=protocol, path=path)
    context.applied = True
    return envelope.ok(_body(folder), 201)


def get_folder(context: HandlerContext) -> Response:
    """Return one folder."""
    return envelope.ok(_body(_folder(context)))


def update_folder(context: HandlerContext) -> Response:
    """Change a folder; omitted fields stay, but PUT needs the type."""
    folder = _folder(context)
    given = validated(context.request.data, types=_types(context), partial=context.request.method == "PATCH")
    wanted = {"type": folder.type, "protocol": folder.protocol, "path": folder.path} | given
    try:
        changed = context.mutations.folders.change(folder, **wanted)
    except TypeTaken:
        # PostHog does not handle the violation of its unique index.
        raise envelope.server_error() from None
    context.applied = True
    return envelope.ok(_body(changed))


def delete_folder(context: HandlerContext) -> Response:
    """Delete a folder."""
    context.mutations.folders.remove(_folder(context))
    context.applied = True
    return envelope.empty(204)


def validated(data: Any, *, types: tuple[str, ...], partial: bool) -> dict[str, str]:
    """Return the fields of a folder as the framework's serializer accepts them.

    Raises:
        Refusal: 400, for the first invalid field.
    """
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
        if len(protocol) > _MAX_PROTOCOL:
            detail = f"Ensure this field has no more than {_MAX_PROTOCOL} characters."
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


def _types(context: HandlerContext) -> tuple[str, ...]:
    return ("home", "pinned", "custom_products") if context.options.custom_products else ("home", "pinned")


def _folder(context: HandlerContext) -> Folder:
    raw = parse_uuid(context.values["id"])
    folder = None if raw is None else context.mutations.folders.get(_email(context), raw)
    if folder is None:
        raise envelope.not_found()
    return folder


def _email(context: HandlerContext) -> str:
    assert context.personal_key is not None, "folder routes need a key"
    return context.personal_key.email


def _body(folder: Folder) -> dict[str, str]:
    return {
        "id": format_uuid(folder.raw_id),
        "type": folder.type,
        "protocol": folder.protocol,
        "path": folder.path,
        "created_at": iso(folder.created_us),
        "updated_at": iso(folder.updated_us),
    }


def _number(request: ParsedRequest, name: str, default: int) -> int:
    """Return a number of the query; the default if it is not a number."""
    try:
        return max(0, int(request.parameters.get(name, default)))
    except ValueError:
        return default


def _link(context: HandlerContext, limit: int, offset: int) -> str:
    url, _, query = context.request.url(page_path(context.request, context.options)).partition("?")
    fields = dict(parse_qsl(query, keep_blank_values=True)) | {"limit": str(limit)}
    fields.pop("offset", None)
    if offset > 0:
        fields["offset"] = str(offset)
    return f"{url}?{urlencode(sorted(fields.items()))}"
