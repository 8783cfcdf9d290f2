"""Mistakes in what a command logs and in where its key comes from: guarantees 9 and 27."""

from twin import Twin, twin

_LOG = "bulk/cli/command_log.py"
_LOG_TESTS = "bulk/cli/test_command_log.py::test_"
_PROFILES = "bulk/cli/options/profiles.py"
_PROFILE_TESTS = "bulk/cli/options/test_profiles.py::test_"

OUTPUTS: tuple[Twin, ...] = (
    twin(
        9,
        "a log is appended to a journal",
        _LOG_TESTS + "a_log_never_goes_into_a_journal_through_a_link_or_into_a_folder",
        _LOG, "        if is_plan_or_journal(path):", "        if False:",
    ),
    twin(
        27,
        "the log quotes the text of a condition",
        _LOG_TESTS + "the_end_of_a_command_that_fails_has_its_reason_and_no_value",
        _LOG, "    if isinstance(error, _WITHOUT_VALUES):", "    if True:",
    ),
    twin(
        27,
        "a profile that holds a key is used",
        _PROFILE_TESTS + "a_profile_that_cannot_be_used_is_refused_with_a_fix",
        _PROFILES, "        if _KEY.search(line):", "        if False:",
    ),
    twin(
        27,
        "the password of a proxy may be on the command line",
        _PROFILE_TESTS + "a_proxy_that_cannot_be_used_is_refused",
        "bulk/cli/options/settings.py", '    if "@" in url or parts.password:', "    if False:",
    ),
    twin(
        27,
        "the log has a name of a property that the server sent",
        "bulk/cli/refusals/test_refusals.py::test_a_misspelt_property_that_no_person_has_is_refused_with_the_closest_one",
        _LOG, "describe_error(error, with_notes=False)", "describe_error(error)",
    ),
)  # fmt: skip
