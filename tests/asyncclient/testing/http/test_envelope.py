"""Error bodies against PostHog's own formatter, drf-exceptions-hog (contract 4)."""

import pytest
from django.conf import settings

if not settings.configured:
    settings.configure(USE_I18N=False)

import exceptions_hog
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer

from asyncclient.testing.http import envelope


class Busy(exceptions.APIException):
    status_code = 503
    default_code = "person_deletion_failed"
    default_detail = "Failed to delete person at step delete_postgres. Please retry."


class Query(serializers.Serializer):
    status = serializers.ChoiceField(choices=["pending", "completed", "all"], required=False)
    person_uuid = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, required=False)


def refused(**query):
    serializer = Query(data=query)
    assert not serializer.is_valid()
    return exceptions.ValidationError(serializer.errors)


PAIRS = {
    "no key": (envelope.not_authenticated(), exceptions.NotAuthenticated()),
    "bad key": (
        envelope.authentication_failed("Authorization header"),
        exceptions.AuthenticationFailed("Personal API key found in request Authorization header is invalid."),
    ),
    "forbidden": (envelope.permission_denied("No."), exceptions.PermissionDenied("No.")),
    "nobody": (envelope.not_found(), exceptions.NotFound()),
    "nobody, from Django": (envelope.not_found(), Http404()),
    "no route": (envelope.not_found("Endpoint not found."), exceptions.NotFound("Endpoint not found.")),
    "method": (envelope.method_not_allowed("PUT"), exceptions.MethodNotAllowed("PUT")),
    "media type": (envelope.unsupported_media_type("text/x"), exceptions.UnsupportedMediaType("text/x")),
    "parse": (envelope.parse_error("why"), exceptions.ParseError("JSON parse error - why")),
    "invalid": (envelope.invalid("Bad."), exceptions.ValidationError("Bad.")),
    "wait": (envelope.throttled(12, header="12"), exceptions.Throttled(11.2)),
    "wait of one": (envelope.throttled(1, header="1"), exceptions.Throttled(0.5)),
    "wait unknown": (envelope.throttled(None, header=None), exceptions.Throttled(None)),
    "unhandled": (envelope.server_error(), RuntimeError("boom")),
    "busy": (
        envelope.server_error(503, code="person_deletion_failed", detail=Busy.default_detail),
        Busy(),
    ),
    "choice": (
        envelope.invalid('"x" is not a valid choice.', code="invalid_choice", attr="status"),
        refused(status="x"),
    ),
    "uuid": (envelope.invalid("Must be a valid UUID.", attr="person_uuid"), refused(person_uuid="x")),
    "integer": (envelope.invalid("A valid integer is required.", attr="limit"), refused(limit="x")),
    "least": (
        envelope.invalid("Ensure this value is greater than or equal to 1.", code="min_value", attr="limit"),
        refused(limit=0),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_an_error_has_the_form_of_posthogs_formatter(case):
    ours, theirs = PAIRS[case]
    expected = exceptions_hog.exception_handler(theirs)
    assert ours.response.status == expected.status_code
    assert ours.response.body == JSONRenderer().render(expected.data)
    assert dict(ours.response.headers) == {
        name: value for name, value in expected.headers.items() if name == "Retry-After"
    }
