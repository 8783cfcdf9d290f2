"""Mistakes in what a request contains, and in the settings of the client: guarantees 11, 13, 20, 22, 23, 26 to 29 and 31."""

from twin import Twin, twin

_DELETES = "asyncclient/_protocol/endpoints/deletes.py"
_IDS = "asyncclient/_protocol/ids.py"
_SECRECY = "integration/test_properties_secrecy.py::test_"
_READER_TEST = "bulk/posthog/test_person_reader.py::test_"

REQUESTS: tuple[Twin, ...] = (
    twin(
        11,
        "a server that returns a summary may leave it out",
        "asyncclient/_protocol/responses/test_every_response.py::test_any_other_body_is_invalid[persons.bulk_delete since April 2026-200]",
        _DELETES,
        "blank=None if must_summarise else BulkDeleteSummary",
        "blank=BulkDeleteSummary",
    ),
    twin(
        11,
        "the rows of an incomplete query count as complete",
        "asyncclient/_protocol/responses/test_reading.py::test_rows_of_an_incomplete_query_are_invalid",
        "asyncclient/_protocol/endpoints/query.py",
        "if status.complete is False:",
        "if False:",
    ),
    twin(
        11,
        "an event that has another effect twice is retried",
        "asyncclient/_resources/test_capture.py::test_an_event_that_would_count_twice_is_never_retried_if_it_may_have_arrived",
        "asyncclient/_protocol/endpoints/capture.py",
        "repeatable = repeatable and event.is_repeatable",
        "pass",
    ),
    twin(
        11,
        "a response without properties counts as a person without properties",
        (
            "asyncclient/test_client.py::test_a_batch_response_without_a_mandatory_field_is_invalid[properties]",
            _READER_TEST + "one_malformed_record_does_not_affect_other_persons[no properties]",
        ),
        "asyncclient/property_projection.py",
        '[("properties", properties)], bases=(StoredPerson,)',
        '[("properties", properties, msgspec.field(default_factory=dict))], bases=(StoredPerson,)',
    ),
    twin(
        13,
        "an access token starts with the limits of a personal key",
        "asyncclient/test_client.py::test_the_kind_of_key_decides_which_limits_a_client_starts_with",
        "asyncclient/client.py",
        "Limits(RateLimits.for_key(key), clock=clock)",
        "Limits(clock=clock)",
    ),
    twin(
        20,
        "setting this machine's clock changes the server's time",
        "asyncclient/test_client.py::test_setting_this_machines_clock_moves_no_server_time",
        "asyncclient/client.py",
        "ServerClock(clock, wall)",
        "ServerClock(wall, wall)",
    ),
    twin(
        22,
        "the age of a read leaves out the time of a suspend",
        "integration/test_properties_confirmed.py::test_a_person_deleted_while_the_machine_is_suspended_is_recreated_by_no_event",
        "asyncclient/client.py",
        "return self._core.shared.clock()",
        "return __import__('anyio').current_time()",
    ),
    twin(
        23,
        "a filter for persons outside a cohort selects its members",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_existence_and_cohorts_are_sent_as_the_server_reads_them",
        "asyncclient/filters.py",
        'if self.type == "cohort" and self.operator == "exact" else',
        'if self.type == "cohort" else',
    ),
    twin(
        26,
        "an empty host becomes the default host",
        "asyncclient/test_config.py::test_a_host_that_is_set_and_empty_is_refused",
        "asyncclient/config.py",
        "        if not self.host.strip():\n",
        "        if False:\n",
    ),
    twin(
        26,
        "the personal key is sent as the project's token",
        "asyncclient/test_ingestion.py::test_an_invalid_public_token_is_refused_and_not_shown",
        "asyncclient/config.py",
        'if text == key.reveal() or text.startswith(("phx_", "pha_", "phs_")):',
        "if False:",
    ),
    twin(
        27,
        "the repr of a secret shows it",
        (
            "asyncclient/test_secrets.py::test_a_secret_is_never_shown",
            "asyncclient/test_secrets.py::test_no_object_of_a_client_shows_the_key",
        ),
        "asyncclient/_secret.py",
        '    def __repr__(self) -> str:\n        return "***"',
        "    def __repr__(self) -> str:\n        return self._text",
    ),
    twin(
        27,
        "a key file that others can read is used",
        "asyncclient/test_config.py::test_key_files_that_cannot_be_used_are_refused_unseen",
        "asyncclient/config.py",
        "if mode & 0o077:",
        "if mode & 0o007 and False:",
    ),
    twin(
        27,
        "a bad value is in the error about it",
        _SECRECY + "an_error_about_a_value_does_not_contain_it",
        "asyncclient/_protocol/endpoints/properties.py",
        "{label} has {problem}, which the server cannot store",
        "{label} has {problem}, which the server cannot store: {value!a}",
    ),
    twin(
        28,
        "an ID is put into the path unescaped",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_an_invalid_person_id_is_refused_before_a_path_is_built",
        _IDS,
        "return str(number(value) or person_uuid(value))",
        "return value",
    ),
    twin(
        28,
        "an ID is escaped but not parsed",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_an_invalid_person_id_is_refused_before_a_path_is_built",
        _IDS,
        "        return str(number(value) or person_uuid(value))",
        "        from urllib.parse import quote\n\n        return quote(value, safe='')",
    ),
    twin(
        29,
        "flags that are off are sent as false",
        (
            "asyncclient/test_client.py::test_flags_are_on_the_wire_exactly_as_requested",
            "asyncclient/_protocol/endpoints/test_endpoints.py::test_flags_are_present_only_when_true_in_a_query_and_always_booleans_in_a_body",
        ),
        _DELETES,
        'query = tuple((name, "true") for name, on in deletion_flags(delete_events, delete_recordings, keep_person) if on)',
        "query = tuple((name, str(on).lower()) for name, on in deletion_flags(delete_events, delete_recordings, keep_person))",
    ),
    twin(
        29,
        "flags in a body are strings",
        "asyncclient/_protocol/endpoints/test_endpoints.py::test_flags_are_present_only_when_true_in_a_query_and_always_booleans_in_a_body",
        _DELETES,
        "body |= dict(deletion_flags(delete_events, delete_recordings, keep_person))",
        "body |= {n: str(v).lower() for n, v in deletion_flags(delete_events, delete_recordings, keep_person)}",
    ),
    twin(
        31,
        "plain http is allowed for any host",
        "asyncclient/test_config.py::test_hosts_that_cannot_be_used_are_refused_with_the_fix",
        "asyncclient/config.py",
        'if parts.scheme == "http" and not allow_http and not _is_loopback(name):',
        "if False:",
    ),
)
