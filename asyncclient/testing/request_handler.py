"""From a request to what is sent back: routing, key, scopes, limits, faults, handler, headers.

Everything but the wire: bytes and time come in as values, the answer and the way it ends go out as values.
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
from asyncclient.testing.http.csv import in_csv
from asyncclient.testing.http.envelope import Refusal, Response
from asyncclient.testing.http.fault_bodies import spoiled
from asyncclient.testing.http.parsed_request import ParsedRequest
from asyncclient.testing.http.routing import Action, Match, resolve
from asyncclient.testing.http.throttle import USERS, Throttle, whole_seconds
from asyncclient.testing.options import PersonalKey
from asyncclient.testing.request_record import RecordedRequest, RequestLog, body_without_key, without_key
from asyncclient.testing.state.churn import Churn
from asyncclient.testing.state.ingestion import Ingestion
from asyncclient.testing.state.mutations import Mutations

Ending = Literal["answer", "close", "reset", "stall", "cut"]

_UNKNOWN = "unknown"
_UNTOUCHED: dict[str, Ending] = {"reset": "reset", "stall": "stall"}
_UNANSWERED: dict[str, Ending] = {"reset_after": "reset", "stall_after": "stall"}
_GZIP_FROM = 200


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent back, how the exchange ends, and the record to complete when it has."""

    answer: Response
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

    def handle(self, call: ParsedRequest) -> Outcome:
        """Answer a request; its effect takes place here and now."""
        options = self._mutations.options
        match = None if call.on_alias and options.alias == "gone" else resolve(call.path, options)
        action = match.action(call.method) if match is not None else None
        record = self._record(call, action)
        self._log.add(record, keep=options.record_requests, limit=options.record_limit)
        ending: Ending = "answer"
        try:
            answer, ending = self._answer(call, match, action, record)
        except Refusal as refusal:
            answer = refusal.answer
            if match is not None and _asks_for_csv(call, match):
                answer = in_csv(answer)
        except Hang:
            answer, ending = envelope.empty(500), "stall"
        extra = [("Date", formatdate(record.at, usegmt=True))]
        if match is not None and call.on_alias and options.alias == "rewrite":
            extra += [("Deprecation", "true"), ("Link", f'<{call.successor}>; rel="successor-version"')]
            if options.sunset:
                extra.append(("Sunset", options.sunset))
        headers = (*answer.headers, *extra)
        return Outcome(answer=msgspec.structs.replace(answer, headers=headers), ending=ending, record=record)

    def _record(self, call: ParsedRequest, action: Action | None) -> RecordedRequest:
        kept = self._mutations.options.record_requests
        return RecordedRequest(
            number=self._log.total + 1,
            method=call.method,
            path=call.raw_path,
            query=without_key(call.query),
            body=body_without_key(call.peek()) if kept else None,
            action=_UNKNOWN if action is None else action.name,
            at=self._mutations.clock(),
            headers={name: value for name, value in call.headers.items() if name != "authorization"},
            bytes=len(call.body),
        )

    def _answer(
        self, call: ParsedRequest, match: Match | None, action: Action | None, record: RecordedRequest
    ) -> tuple[Response, Ending]:
        options = self._mutations.options
        fault = self._struck(record, in_front=True)
        if fault is not None:
            return spoiled(fault, envelope.empty(500)), "close" if fault.kind == "refuse" else "answer"
        if match is None:
            raise envelope.not_found("Endpoint not found.")
        if call.on_alias and options.alias == "redirect":
            target = call.successor + (f"?{call.raw_query}" if call.raw_query else "")
            return Response(307, headers=(("Location", target),)), "answer"
        if _format(call, match) != "json" and not _asks_for_csv(call, match):
            raise envelope.not_found()
        holder = None if match.route.public else self._admit(call, match, action)
        fault = self._struck(record, in_front=False)
        if fault is not None and fault.kind in _UNTOUCHED:
            return envelope.empty(500), _UNTOUCHED[fault.kind]
        if action is None or action.name not in HANDLERS:
            return self._without_handler(call, match), "answer"
        if fault is not None and fault.kind == "redirect":
            return Response(307, headers=(("Location", fault.to),)), "answer"
        if fault is not None and fault.kind == "status" and fault.when == "before":
            return spoiled(fault, envelope.empty(500)), "answer"
        return self._perform(call, match, action, holder, fault, record)

    def _struck(self, record: RecordedRequest, *, in_front: bool) -> Fault | None:
        fault = self._faults.strike(record.action, in_front=in_front)
        record.fault = None if fault is None else fault.kind
        return fault

    def _admit(self, call: ParsedRequest, match: Match, action: Action | None) -> PersonalKey:
        """Key, scopes, project, limits, in the order in which the framework checks them; returns whose key it is."""
        options = self._mutations.options
        holder = authenticate(call, options)
        collection = match.route.pattern[-1:] == ("persons",)
        if call.method != "OPTIONS" and (
            action is not None or options.unmapped_method == "403" or (call.method == "DELETE" and collection)
        ):
            authorise(action, holder)
        if "project" in match.values:
            check_token(call, options)
            check_project(match.values["project"], holder, options)
        limits = options.limits()
        if limits is None:
            return holder
        bucket = match.route.bucket if action is None else action.bucket
        persons = "persons" in match.route.pattern
        bucket, owner = (USERS, holder.email) if holder.acts_for_a_user and persons else (bucket, holder.key)
        verdict = self.throttle.admit(bucket, owner, self._mutations.clock(), limits)
        if not verdict.allowed:
            wait_s = whole_seconds(verdict.wait_s)
            raise envelope.throttled(
                None if options.retry_after == "unknown" else wait_s, header=self._retry_after(wait_s)
            )
        return holder

    def _retry_after(self, wait_s: int | None) -> str | None:
        form = self._mutations.options.retry_after
        # The framework leaves the header out for a wait of nothing, as for one it cannot compute.
        if not wait_s or form in ("missing", "unknown"):
            return None
        return str(wait_s) if form == "seconds" else formatdate(self._mutations.clock() + wait_s, usegmt=True)

    def _without_handler(self, call: ParsedRequest, match: Match) -> Response:
        if call.method != "OPTIONS":
            raise envelope.method_not_allowed(call.method)
        name = "Person" if "persons" in match.route.pattern else "Project"
        return envelope.ok({"name": name, "description": "", "renders": [envelope.JSON], "parses": [envelope.JSON]})

    def _perform(
        self,
        call: ParsedRequest,
        match: Match,
        action: Action,
        holder: PersonalKey | None,
        fault: Fault | None,
        record: RecordedRequest,
    ) -> tuple[Response, Ending]:
        options = self._mutations.options
        self._mutations.advance()
        job = HandlerContext(
            call=call,
            values=match.values,
            mutations=self._mutations,
            ingestion=self._ingestion,
            options=options,
            churn=self._churn,
            fault=fault,
            holder=holder,
            media=_format(call, match),
        )
        try:
            answer = HANDLERS[action.name](job)
        except Refusal as refusal:
            answer = refusal.answer
        if job.media == "csv":
            answer = in_csv(answer)
        record.applied = job.applied
        ending: Ending = "answer"
        if fault is not None:
            answer = spoiled(fault, answer)
            if fault.kind in _UNANSWERED:
                ending = _UNANSWERED[fault.kind]
            elif fault.kind == "cut_body":
                ending = "cut"
        if action.name == "list" and options.gzip and ending == "answer":
            answer = _compressed(answer, call)
        return answer, ending


def _asks_for_csv(call: ParsedRequest, match: Match) -> bool:
    """Whether the answer is to be CSV: persons have that format, nobody else."""
    return "persons" in match.route.pattern and _format(call, match) == "csv"


def _format(call: ParsedRequest, match: Match) -> str:
    return match.format or call.parameters.get("format") or "json"


def _compressed(answer: Response, call: ParsedRequest) -> Response:
    encoded = any(name == "Content-Encoding" for name, _ in answer.headers)
    if encoded or not call.accepts_gzip() or (answer.blocks is None and len(answer.body) < _GZIP_FROM):
        return answer
    return msgspec.structs.replace(
        answer,
        body=gzip.compress(answer.body, compresslevel=1, mtime=0) if answer.blocks is None else b"",
        blocks=None if answer.blocks is None else _packed(answer.blocks),
        headers=(*answer.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")),
    )


def _packed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    for block in blocks:
        yield packer.compress(block)
    yield packer.flush()
