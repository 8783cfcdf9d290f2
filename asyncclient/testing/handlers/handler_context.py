"""HandlerContext: what a handler gets: a request that has passed every check, and the state to change.

Handlers return a Response, or raise Refusal or Hang; they do no I/O.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

from asyncclient.testing.faults import Fault
from asyncclient.testing.http import envelope
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.options import PersonalKey, ServerOptions
from asyncclient.testing.state.churn import Churn
from asyncclient.testing.state.ingestion import Ingestion
from asyncclient.testing.state.mutations import Mutations
from asyncclient.testing.tables.activities import Actor
from asyncclient.testing.tables.uuids import parse_uuid

_GATEWAY_TIMEOUT = b"<html><head><title>504 Gateway Time-out</title></head><body></body></html>"


class Hang(Exception):
    """The request gets no response."""


class HandlerContext:
    """One request while its handler runs."""

    def __init__(
        self,
        *,
        request: ParsedRequest,
        values: dict[str, str],
        mutations: Mutations,
        ingestion: Ingestion,
        options: ServerOptions,
        churn: Churn,
        fault: Fault | None,
        personal_key: PersonalKey | None,
        response_format: str,
    ) -> None:
        self.request = request
        self.values = values
        self.mutations = mutations
        self.ingestion = ingestion
        self.options = options
        self.churn = churn
        self.fault = fault
        self.personal_key = personal_key
        self.response_format = response_format
        self.applied = False

    @property
    def actor(self) -> Actor | None:
        """First name and email of the key's user; None on a public route."""
        return None if self.personal_key is None else (self.personal_key.first_name, self.personal_key.email)

    def fault_of_kind(self, kind: str) -> Fault | None:
        """Return the fault that this request triggered if it is of this kind, else None."""
        return self.fault if self.fault is not None and self.fault.kind == kind else None

    @property
    def hidden_properties(self) -> tuple[str, ...]:
        """Properties of persons that access control hides from this key's user."""
        return () if self.personal_key is None else self.personal_key.hidden_properties

    def fail_if_heavy(self, keys: Iterable[int]) -> None:
        """Time out if one of these persons is heavy and heavy persons fail in every call (contract 9).

        Raises:
            Hang, Refusal: as in `time_out`.
        """
        audit_trail = self.mutations.audit_trail
        if self.options.heavy_calls == "every" and audit_trail.has_heavy() and any(map(audit_trail.is_heavy, keys)):
            self.time_out()

    def time_out(self) -> NoReturn:
        """End the call as one that takes too long.

        Raises:
            Hang: there is no response.
            Refusal: the 504 of a load balancer.
        """
        if self.options.heavy_failure == "stall":
            raise Hang
        raise Refusal(Response(504, _GATEWAY_TIMEOUT, envelope.HTML))

    def fields(self) -> dict[str, Any]:
        """Return the body, which must be an object; anything else is an unhandled error in the server, so a 500."""
        data = self.request.data
        if not isinstance(data, dict):
            raise envelope.server_error()
        return data

    def person(self) -> int:
        """Return the key of the person in the path, by UUID or number (contract 5).

        Raises:
            Refusal: 400 for any other text, 404 if the person does not exist.
        """
        text = self.values["id"]
        raw = parse_uuid(text)
        if raw is not None:
            key = self.mutations.store.key_of_uuid(raw)
        else:
            try:
                key = self.mutations.store.key_of_pk(int(text))
            except ValueError:
                raise envelope.invalid(
                    "The ID provided does not look like a personID. If you are using a distinctId, "
                    f"please use /persons?distinct_id={text} instead."
                ) from None
        if key is None:
            raise envelope.not_found()
        self.fail_if_heavy([key])
        return key
