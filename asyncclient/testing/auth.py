"""Who may do what: the key of a request, its scopes, its projects (contract 2).

Pure: a request and the options in, nothing or a Refusal out.
"""

import re

from asyncclient.testing import envelope
from asyncclient.testing.call import Call
from asyncclient.testing.options import PersonalKey, ServerOptions
from asyncclient.testing.routing import Action

_BEARER = re.compile(r"Bearer\s+(\S.*)")
_UNSUPPORTED = "This action does not support personal API key access"


def authenticate(call: Call, options: ServerOptions) -> PersonalKey:
    """Whose key came with a request: header, body field or query, whichever comes first. Raises Refusal (401)."""
    key, source = _find(call)
    if key is None:
        raise envelope.not_authenticated()
    holder = options.holder(key)
    if holder is None:
        raise envelope.authentication_failed(source)
    return holder


def authorise(action: Action | None, holder: PersonalKey) -> None:
    """Check the scopes of the key; an action that declares none is closed to scoped keys. Raises Refusal."""
    if holder.scopes is None:
        return
    if action is None or not action.scopes:
        raise envelope.permission_denied(_UNSUPPORTED)
    for scope in action.scopes:
        noun, _, verb = scope.partition(":")
        sufficient = {"*", scope, f"{noun}:write" if verb == "read" else scope}
        if sufficient.isdisjoint(holder.scopes):
            raise envelope.permission_denied(f"API key missing required scope '{scope}'")


def check_project(project: str, holder: PersonalKey, options: ServerOptions) -> None:
    """Check that the key reaches the project of the path. Raises Refusal."""
    if project == "@current":
        return
    if not (project.isascii() and project.isdigit()):
        raise envelope.not_found("Project not found.")
    number = int(project)
    if holder.projects is not None and number not in holder.projects:
        raise envelope.permission_denied(f"API key does not have access to the requested project: ID {number}.")
    if number == options.project_id:
        return
    if options.unknown_project == "404":
        raise envelope.not_found("Project not found.")
    raise envelope.permission_denied("You don't have access to the project.")


def _find(call: Call) -> tuple[str | None, str]:
    match = _BEARER.fullmatch(call.headers.get("authorization", ""))
    if match is not None:
        return match[1].strip(), "Authorization header"
    data = call.data
    if isinstance(data, dict) and isinstance(data.get("personal_api_key"), str):
        return data["personal_api_key"], "body"
    return call.parameters.get("personal_api_key"), "query string"
