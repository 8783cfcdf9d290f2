"""RequestHandler: turns a request into a response: routing, key, scopes, rate limits, faults, handler, headers.

Everything except the wire: request and time come in as values, and the response and its ending go out as values.
"""

import gzip
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from typing import Literal

import msgspec

from asyncclient.testing.faults import Fault, Faults
from asyncclient.testing.handlers.handler_context import HandlerContext, Hang
from asyncclient.testing.handlers.table import HANDLERS
from asyncclient.testing.http import envelope
from asyncclient.testing.http.auth import authenticate, authorise, check_project, check_token
from asyncclient.testing.http.csv import to_csv
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.fault_bodies import apply_fault
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.http.routing import Action, Match, resolve
from asyncclient.testing.http.throttle import PER_PROJECT, USERS, Throttle, whole_seconds
from asyncclient.testing.options import PersonalKey
from asyncclient.testing.request_record import RecordedRequest, RequestLog, body_without_key, without_key
from asyncclient.testing.state.churn import Churn
from asyncclient.testing.state.ingestion import Ingestion
from asyncclient.testing.state.mutations import Mutations

Ending = Literal["response", "close", "reset", "stall", "cut"]

_UNKNOWN = "unknown"
_FAULTS_BEFORE_HANDLER: dict[str, Ending] = {"reset": "reset", "stall": "stall"}
_FAULTS_AFTER_HANDLER: dict[str, Ending] = {"reset_after": "reset", "stall_after": "stall"}
_GZIP_FROM = 200


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The response, how the exchange ends, and the record to complete afterwards."""

    response: Response
    ending: Ending
    record: RecordedRequest


class RequestHandler:
    """The server without its wire."""

    def __init__(
        self, mutations: Mutations, *, ingestion: Ingestion, faults: Faults, log: RequestLog, churn: Churn
    ) -> None:
        self._mutations = mutations
        self._ingestion = ingestion
        self._faults = faults
        self._log = log
        self._churn = churn
        self.throttle = Throttle()

    def handle(self, request: ParsedRequest) -> Outcome:
        """Return the outcome of a request; its effect happens before this returns."""
        options = self._mutations.options
        match = None if request.on_alias and options.alias == "gone" else resolve(request.path, options)
        action = match.action(request.method) if match is not None else None
        record = self._record(request, action)
        self._log.add(record, keep=options.record_requests, limit=options.record_limit)
        ending: Ending = "response"
        try:
            response, ending = self._respond(request, match, action, record)
        except Refusal as refusal:
            response = refusal.response
            if match is not None and _asks_for_csv(request, match):
                response = to_csv(response)
        except Hang:
            response, ending = envelope.empty(500), "stall"
        extra = [("Date", formatdate(record.at, usegmt=True))]
        if match is not None and request.on_alias and options.alias == "rewrite":
            extra += [("Deprecation", "true"), ("Link", f'<{request.successor}>; rel="successor-version"')]
            if options.sunset:
                extra.append(("Sunset", options.sunset))
        headers = (*response.headers, *extra)
        return Outcome(response=msgspec.structs.replace(response, headers=headers), ending=ending, record=record)

    def _record(self, request: ParsedRequest, action: Action | None) -> RecordedRequest:
        kept = self._mutations.options.record_requests
        return RecordedRequest(
            number=self._log.total + 1,
            method=request.method,
            path=request.raw_path,
            query=without_key(request.query),
            body=body_without_key(request.peek()) if kept else None,
            action=_UNKNOWN if action is None else action.name,
            at=self._mutations.clock(),
            headers={name: value for name, value in request.headers.items() if name != "authorization"},
            bytes=len(request.body),
        )

    def _respond(
        self, request: ParsedRequest, match: Match | None, action: Action | None, record: RecordedRequest
    ) -> tuple[Response, Ending]:
        options = self._mutations.options
        fault = self._triggered(record, in_front=True)
        if fault is not None:
            return apply_fault(fault, envelope.empty(500)), "close" if fault.kind == "refuse" else "response"
        if match is None:
            raise envelope.not_found("Endpoint not found.")
        if request.on_alias and options.alias == "redirect":
            target = request.successor + (f"?{request.raw_query}" if request.raw_query else "")
            return Response(307, headers=(("Location", target),)), "response"
        if _format(request, match) != "json" and not _asks_for_csv(request, match):
            raise envelope.not_found()
        personal_key = None if match.route.public else self._admit(request, match, action)
        fault = self._triggered(record, in_front=False)
        if fault is not None and fault.kind in _FAULTS_BEFORE_HANDLER:
            return envelope.empty(500), _FAULTS_BEFORE_HANDLER[fault.kind]
        if action is None or action.name not in HANDLERS:
            return self._without_handler(request, match), "response"
        if fault is not None and fault.kind == "redirect":
            return Response(307, headers=(("Location", fault.to),)), "response"
        if fault is not None and fault.kind == "status" and fault.when == "before":
            return apply_fault(fault, envelope.empty(500)), "response"
        return self._perform(request, match, action, personal_key, fault, record)

    def _triggered(self, record: RecordedRequest, *, in_front: bool) -> Fault | None:
        fault = self._faults.trigger(record.action, in_front=in_front)
        record.fault = None if fault is None else fault.kind
        return fault

    def _admit(self, request: ParsedRequest, match: Match, action: Action | None) -> PersonalKey:
        """Check key, scopes, project and rate limits in the order of the framework, and return the key."""
        options = self._mutations.options
        personal_key = authenticate(request, options)
        collection = match.route.pattern[-1:] == ("persons",)
        if request.method != "OPTIONS" and (
            action is not None or options.unmapped_method == "403" or (request.method == "DELETE" and collection)
        ):
            authorise(action, personal_key)
        if "project" in match.values:
            check_token(request, options)
            check_project(match.values["project"], personal_key, options)
        limits = options.limits()
        if limits is None:
            return personal_key
        bucket = match.route.bucket if action is None else action.bucket
        persons = "persons" in match.route.pattern
        bucket, owner = (
            (USERS, personal_key.email) if personal_key.acts_for_a_user and persons else (bucket, personal_key.key)
        )
        if bucket in PER_PROJECT:
            owner = str(options.project_id)
        admission = self.throttle.admit(bucket, owner, self._mutations.clock(), limits)
        if not admission.allowed:
            wait_s = whole_seconds(admission.wait_s)
            raise envelope.throttled(
                None if options.retry_after == "unknown" else wait_s, header=self._retry_after(wait_s)
            )
        return personal_key

    def _retry_after(self, wait_s: int | None) -> str | None:
        form = self._mutations.options.retry_after
        # The framework leaves the header out for a wait of 0 and for one that it cannot compute.
        if not wait_s or form in ("missing", "unknown"):
            return None
        return str(wait_s) if form == "seconds" else formatdate(self._mutations.clock() + wait_s, usegmt=True)

    def _without_handler(self, request: ParsedRequest, match: Match) -> Response:
        if request.method != "OPTIONS":
            raise envelope.method_not_allowed(request.method)
        name = "Person" if "persons" in match.route.pattern else "Project"
        return envelope.ok({"name": name, "description": "", "renders": [envelope.JSON], "parses": [envelope.JSON]})

    def _perform(
        self,
        request: ParsedRequest,
        match: Match,
        action: Action,
        personal_key: PersonalKey | None,
        fault: Fault | None,
        record: RecordedRequest,
    ) -> tuple[Response, Ending]:
        options = self._mutations.options
        self._mutations.advance()
        context = HandlerContext(
            request=request,
            values=match.values,
            mutations=self._mutations,
            ingestion=self._ingestion,
            options=options,
            churn=self._churn,
            fault=fault,
            personal_key=personal_key,
            response_format=_format(request, match),
        )
        try:
            response = HANDLERS[action.name](context)
        except Refusal as refusal:
            response = refusal.response
        if context.response_format == "csv":
            response = to_csv(response)
        record.applied = context.applied
        ending: Ending = "response"
        if fault is not None:
            response = apply_fault(fault, response)
            if fault.kind in _FAULTS_AFTER_HANDLER:
                ending = _FAULTS_AFTER_HANDLER[fault.kind]
            elif fault.kind == "cut_body":
                ending = "cut"
        if action.name == "list" and options.gzip and ending == "response":
            response = _compressed(response, request)
        return response, ending


def _asks_for_csv(request: ParsedRequest, match: Match) -> bool:
    """Return whether the response is to be CSV, which only persons calls offer."""
    return "persons" in match.route.pattern and _format(request, match) == "csv"


def _format(request: ParsedRequest, match: Match) -> str:
    return match.format or request.parameters.get("format") or "json"


def _compressed(response: Response, request: ParsedRequest) -> Response:
    encoded = any(name == "Content-Encoding" for name, _ in response.headers)
    if encoded or not request.accepts_gzip() or (response.blocks is None and len(response.body) < _GZIP_FROM):
        return response
    return msgspec.structs.replace(
        response,
        body=gzip.compress(response.body, compresslevel=1, mtime=0) if response.blocks is None else b"",
        blocks=None if response.blocks is None else _packed(response.blocks),
        headers=(*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")),
    )


def _packed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    for block in blocks:
        yield packer.compress(block)
    yield packer.flush()
