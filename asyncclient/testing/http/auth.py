"""Who may do what: the key of a request, its scopes, its projects (contract 2).

Pure: a request and the options in, nothing or a Refusal out.
"""

import re

from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.http.routing import Action
from asyncclient.testing.options import PersonalKey, ServerOptions

_BEARER = re.compile(r"Bearer\s+(\S.*)")
_SESSION = re.compile(r"(?:^|;\s*)sessionid=([^;\s]+)")
_UNSUPPORTED = "This action does not support personal API key access"


def authenticate(call: ParsedRequest, options: ServerOptions) -> PersonalKey:
    """Whose key came with a request: header, session cookie, body field or query, whichever comes first.

    Raises Refusal (401).
    """
    key, source = _find(call)
    if key is None:
        raise envelope.not_authenticated()
    holder = options.holder(key)
    if source == "session" and (holder is None or not holder.is_session):
        raise envelope.not_authenticated()
    if holder is None or holder.is_session is not (source == "session"):
        raise envelope.authentication_failed(source)
    return holder


def authorise(action: Action | None, holder: PersonalKey) -> None:
    """Check the scopes of the key; an action that declares none is closed to scoped keys. Raises Refusal."""
    if holder.scopes is None or holder.is_session:
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
    if options.unknown_project == "404" and number not in options.foreign_projects:
        raise envelope.not_found("Project not found.")
    raise envelope.permission_denied("You don't have access to the project.")


def check_token(call: ParsedRequest, options: ServerOptions) -> None:
    """Check a project's token that came with a request for no reason: the team is looked up by it (contract 1).

    Raises Refusal (401) for one that is no project's.
    """
    data = call.peek()
    fields = {**(data if isinstance(data, dict) else {}), **call.parameters}
    token = fields.get("token") or fields.get("api_key")
    if isinstance(token, str) and token != options.project_api_key:
        detail = "Incorrect authentication credentials."
        raise Refusal(envelope.error(401, "authentication_error", "authentication_failed", detail))


def _find(call: ParsedRequest) -> tuple[str | None, str]:
    match = _BEARER.fullmatch(call.headers.get("authorization", ""))
    if match is not None:
        return match[1].strip(), "Authorization header"
    session = _SESSION.search(call.headers.get("cookie", ""))
    if session is not None:
        return session[1], "session"
    data = call.data
    if isinstance(data, dict) and isinstance(data.get("personal_api_key"), str):
        return data["personal_api_key"], "body"
    return call.parameters.get("personal_api_key"), "query string"
