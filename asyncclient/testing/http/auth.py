"""Checks the key of a request, its scopes and its projects (contract 2). Pure."""

import re

from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.http.routing import Action
from asyncclient.testing.options import PersonalKey, ServerOptions

_BEARER = re.compile(r"Bearer\s+(\S.*)")
_SESSION = re.compile(r"(?:^|;\s*)sessionid=([^;\s]+)")
_UNSUPPORTED = "This action does not support personal API key access"


def authenticate(request: ParsedRequest, options: ServerOptions) -> PersonalKey:
    """Return the key of a request: from header, session cookie, body field or query, the first that is there.

    Raises:
        Refusal: 401, there is no key or it is not known.
    """
    key, source = _find(request)
    if key is None:
        raise envelope.not_authenticated()
    personal_key = options.find_key(key)
    if source == "session" and (personal_key is None or not personal_key.is_session):
        raise envelope.not_authenticated()
    if personal_key is None or personal_key.is_session is not (source == "session"):
        raise envelope.authentication_failed(source)
    return personal_key


def authorise(action: Action | None, personal_key: PersonalKey) -> None:
    """Check the scopes of the key; an action that declares no scope refuses scoped keys.

    Raises:
        Refusal: 403, a scope is missing.
    """
    if personal_key.scopes is None or personal_key.is_session:
        return
    if action is None or not action.scopes:
        raise envelope.permission_denied(_UNSUPPORTED)
    for scope in action.scopes:
        noun, _, verb = scope.partition(":")
        sufficient = {"*", scope, f"{noun}:write" if verb == "read" else scope}
        if sufficient.isdisjoint(personal_key.scopes):
            raise envelope.permission_denied(f"API key missing required scope '{scope}'")


def check_project(project: str, personal_key: PersonalKey, options: ServerOptions) -> None:
    """Check that the key may access the project of the path.

    Raises:
        Refusal: 403 or 404.
    """
    if project == "@current":
        return
    if not (project.isascii() and project.isdigit()):
        raise envelope.not_found("Project not found.")
    number = int(project)
    if personal_key.projects is not None and number not in personal_key.projects:
        raise envelope.permission_denied(f"API key does not have access to the requested project: ID {number}.")
    if number == options.project_id:
        return
    if options.unknown_project == "404" and number not in options.foreign_projects:
        raise envelope.not_found("Project not found.")
    raise envelope.permission_denied("You don't have access to the project.")


def check_token(request: ParsedRequest, options: ServerOptions) -> None:
    """Check a project token in query or body, since the server looks up the project by it (contract 1).

    Raises:
        Refusal: 401, the token does not belong to the project.
    """
    data = request.peek()
    fields = {**(data if isinstance(data, dict) else {}), **request.parameters}
    token = fields.get("token") or fields.get("api_key")
    if isinstance(token, str) and token != options.project_api_key:
        detail = "Incorrect authentication credentials."
        raise Refusal(envelope.error(401, "authentication_error", "authentication_failed", detail))


def _find(request: ParsedRequest) -> tuple[str | None, str]:
    match = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if match is not None:
        return match[1].strip(), "Authorization header"
    session = _SESSION.search(request.headers.get("cookie", ""))
    if session is not None:
        return session[1], "session"
    data = request.data
    if isinstance(data, dict) and isinstance(data.get("personal_api_key"), str):
        return data["personal_api_key"], "body"
    return request.parameters.get("personal_api_key"), "query string"
