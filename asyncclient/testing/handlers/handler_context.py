"""What a handler is given: a request that has passed every check, and the world to act on.

Handlers return an Answer, or raise Refusal or Hang; they never touch the wire.
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
from asyncclient.testing.tables.activities import Doer
from asyncclient.testing.tables.uuids import parse

_GATEWAY_TIMEOUT = b"<html><head><title>504 Gateway Time-out</title></head><body></body></html>"


class Hang(Exception):
    """The request is never answered."""


class HandlerContext:
    """One request on its way through its handler."""

    def __init__(
        self,
        *,
        call: ParsedRequest,
        values: dict[str, str],
        mutations: Mutations,
        ingestion: Ingestion,
        options: ServerOptions,
        churn: Churn,
        fault: Fault | None,
        holder: PersonalKey | None,
        media: str,
    ) -> None:
        self.call = call
        self.values = values
        self.mutations = mutations
        self.ingestion = ingestion
        self.options = options
        self.churn = churn
        self.fault = fault
        self.holder = holder
        self.media = media
        self.applied = False

    @property
    def by(self) -> Doer | None:
        """Whose key it is; None where no personal key was asked for."""
        return None if self.holder is None else (self.holder.first_name, self.holder.email)

    def struck_by(self, kind: str) -> Fault | None:
        """The fault that struck this request, if it is of that kind."""
        return self.fault if self.fault is not None and self.fault.kind == kind else None

    @property
    def hidden_properties(self) -> tuple[str, ...]:
        """Properties of persons that access control hides from this key's user."""
        return () if self.holder is None else self.holder.hidden_properties

    def fail_if_heavy(self, keys: Iterable[int]) -> None:
        """Time out where one of these persons is heavy and heavy persons fail in every call (contract 9)."""
        audit_trail = self.mutations.audit_trail
        if self.options.heavy_calls == "every" and audit_trail.any_heavy() and any(map(audit_trail.heavy, keys)):
            self.time_out()

    def time_out(self) -> NoReturn:
        """End a call as one that takes too long ends. Raises Hang, or Refusal with a load balancer's 504."""
        if self.options.heavy_failure == "stall":
            raise Hang
        raise Refusal(Response(504, _GATEWAY_TIMEOUT, envelope.HTML))

    def fields(self) -> dict[str, Any]:
        """The body as an object; anything else is an unhandled error in the server, so a 500."""
        data = self.call.data
        if not isinstance(data, dict):
            raise envelope.server_error()
        return data

    def person(self) -> int:
        """The person that the path names, by UUID or number (contract 5).

        Raises Refusal: 400 for what is neither, 404 for nobody.
        """
        text = self.values["id"]
        raw = parse(text)
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
