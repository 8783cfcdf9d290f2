"""Mistakes in the reading of responses and of the server's clock: guarantees 11, 12, 20, 27 and 30."""

from twin import Twin, twin

_EXPECTATIONS = "asyncclient/_protocol/responses/expectations.py"
_ORIGIN = "asyncclient/_protocol/responses/origin.py"
_DECODING = "asyncclient/_protocol/responses/decoding.py"
_CLOCK = "asyncclient/_protocol/server_clock.py"

RESPONSES: tuple[Twin, ...] = (
    twin(
        11,
        "a body where none is expected is ignored",
        (
            "asyncclient/_protocol/responses/test_reading.py::test_a_body_that_must_be_empty_is_invalid",
            "asyncclient/_protocol/responses/test_every_response.py::test_any_other_body_is_invalid[persons.delete-200]",
            "integration/facts/test_foreign_responses.py::test_changes_with_a_foreign_response_are_never_done",
        ),
        _EXPECTATIONS,
        "        if self.or_json is None:\n            raise",
        "        if self.or_json is None:\n            return\n            raise",
        _EXPECTATIONS,
        "        raise UnexpectedResponse(_IS_HTML)\n\n\ndef is_html",
        "        pass\n\n\ndef is_html",
    ),
    twin(
        11,
        "any 2xx proves that the server has a route",
        (
            "asyncclient/_protocol/responses/test_reading.py::test_a_route_is_known_only_by_a_decoded_response",
            "integration/facts/test_foreign_responses.py::test_no_kept_person_is_deleted_by_a_server_of_unknown_age",
        ),
        _EXPECTATIONS,
        "        self.proven_by.read(response)\n",
        "",
    ),
    twin(
        11,
        "a summary without persons_found is accepted from a server that has it",
        (
            "integration/facts/test_kept_persons.py::test_a_summary_without_persons_found_is_not_a_success",
            "integration/facts/test_kept_persons.py::test_an_empty_summary_is_that_of_the_oldest_era",
        ),
        "asyncclient/models.py",
        "return self == BulkDeleteSummary()",
        "return self.persons_found is None",
        "asyncclient/_protocol/endpoints/deletes.py",
        '("persons_found", *(name for name, requested in queued if requested))',
        "tuple(name for name, requested in queued if requested)",
    ),
    twin(
        12,
        "a 404 about a person counts as a missing route",
        "asyncclient/_transport/session/test_session.py::test_not_found_needs_the_exact_words",
        "asyncclient/errors/__init__.py",
        'return NotFound if detail == "Not found." else RouteNotFound',
        "return RouteNotFound",
    ),
    twin(
        12,
        "any 404 counts as a missing person",
        "asyncclient/test_retry.py::test_each_status_has_its_kind",
        "asyncclient/errors/__init__.py",
        'return NotFound if detail == "Not found." else RouteNotFound',
        "return NotFound",
    ),
    twin(
        12,
        "a 403 of a firewall counts as PostHog's",
        "asyncclient/_protocol/responses/test_origin.py::test_a_refusal_of_the_key_needs_the_whole_envelope",
        _ORIGIN,
        "    if status in ENVELOPE_ONLY:\n        return False\n",
        "",
    ),
    twin(
        12,
        "a 403 of a proxy gives advice about the key",
        "bulk/cli/refusals/test_intermediaries.py::test_every_command_names_the_sender_and_works_once_it_lets_requests_pass",
        _DECODING,
        "        error_class = IntermediaryError\n",
        "        pass\n",
    ),
    twin(
        20,
        "one wrong Date header changes the clock",
        "asyncclient/_protocol/test_server_clock.py::test_one_outlying_response_moves_nothing_but_two_that_agree_do",
        _CLOCK,
        "if outlier is not None and outlier[0] <= latest and earliest <= outlier[1]:",
        "if True:",
    ),
    twin(
        27,
        "a redirect shows more than its origin",
        "asyncclient/_protocol/responses/test_origin.py::test_a_redirect_to_another_address_names_its_origin_and_nothing_else",
        _ORIGIN,
        "origin=_shown(found, key, MAX_ORIGIN)",
        "origin=_shown(location, key, MAX_ORIGIN)",
    ),
    twin(
        27,
        "an error repeats the key that a response contains",
        "asyncclient/_protocol/responses/test_decoding.py::test_nothing_of_persons_and_keys_is_shown",
        "asyncclient/errors/text.py",
        "shown = key.redact(text)",
        "shown = text",
    ),
    twin(
        30,
        "JSON that is nested too deep crashes the client",
        "asyncclient/_transport/session/test_session_bounds.py::test_json_nested_without_end_is_one_clear_error",
        _EXPECTATIONS,
        "    except RecursionError:\n        problem",
        "    except ZeroDivisionError:\n        problem",
    ),
    twin(
        30,
        "a compressed body is unpacked completely before its size is checked",
        (
            "asyncclient/_protocol/responses/test_unpacking.py::test_a_gzip_bomb_is_unpacked_only_as_far_as_it_is_read",
            "asyncclient/_transport/session/test_session_bounds.py::test_a_gzip_bomb_is_refused_in_bounded_memory",
        ),
        "asyncclient/_protocol/responses/unpacking.py",
        "self._inflater.decompress(block, PIECE)",
        "self._inflater.decompress(block)",
    ),
)
