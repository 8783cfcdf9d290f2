"""Mistakes in the selection of persons: guarantees 17, 23, 32 and 33."""

from twin import Twin, twin

_OTHERS = "integration/properties/test_properties_others.py::test_"
_EVERYONE = "bulk/selection/conditions/test_everyone_check.py::test_"
_QUERIES = "bulk/plan/planner/test_planner_queries.py::test_"
_PROTECTED = "bulk/plan/test_protected_persons.py::test_"
_BLOCKED = "bulk/cli/signals/test_blocked.py::test_"

SELECTIONS: tuple[Twin, ...] = (
    twin(
        17,
        "the thread that handles signals reads standard input",
        _BLOCKED + "a_silent_standard_input_does_not_keep_the_command_from_ending[persons]",
        "bulk/selection/input_lines.py",
        "await anyio.to_thread.run_sync(lambda: list(islice(lines, count)), abandon_on_cancel=True)",
        "list(islice(lines, count))",
    ),
    twin(
        23,
        "an id that many share addresses a person that has another",
        (
            "bulk/selection/test_event_distinct_id.py::test_the_first_of_several_usable_ids_is_picked",
            _OTHERS + "a_placeholder_id_is_avoided_if_the_person_has_another",
        ),
        "bulk/selection/event_distinct_id.py",
        "if _is_usable(distinct_id) and not is_placeholder(distinct_id):",
        "if _is_usable(distinct_id):",
    ),
    twin(
        23,
        "an event goes by an id that ingestion cuts",
        (
            "bulk/selection/test_event_distinct_id.py::test_a_blank_too_long_or_broken_id_is_never_picked",
            _OTHERS + "a_person_that_no_event_can_address_gets_a_call_in_the_same_job",
        ),
        "bulk/selection/event_distinct_id.py",
        "MAX_LENGTH = 200",
        "MAX_LENGTH = 400",
    ),
    twin(
        32,
        "a protected person whose row cannot be read is not protected",
        "bulk/plan/planner/test_planner_narrowing.py::test_a_protected_person_whose_row_cannot_be_read_stays_protected",
        "bulk/selection/conditions/protection.py",
        "            protect(row.uuid)\n",
        "",
    ),
    twin(
        32,
        "conditions that select every person need nothing",
        (
            _EVERYONE + "conditions_that_select_everyone_need_everyone",
            _EVERYONE + "unset_counts_the_persons_that_match_and_not_only_those_that_have_the_property",
        ),
        "bulk/selection/resolver.py",
        "await self._everyone_check.check(self._persons)",
        "pass",
    ),
    twin(
        32,
        "a person that one response leaves out hides that the plan is for every person",
        _EVERYONE + "persons_that_one_response_leaves_out_of_the_selection_are_not_outside[1]",
        "bulk/selection/conditions/everyone_check.py",
        "            if not await self._meets(ref):\n",
        "            if True:\n",
    ),
    twin(
        32,
        "a person that arrived while the plan was made hides that it is for every person",
        _EVERYONE + "persons_that_arrive_meanwhile_make_no_difference[a query of all]",
        "bulk/selection/conditions/everyone_check.py",
        "if ref.created_at <= self._newest and not",
        "if not",
    ),
    twin(
        32,
        "a negative condition on a misspelt property passes",
        _EVERYONE + "a_negative_condition_on_a_property_that_no_person_has_is_refused_by_its_name",
        "bulk/selection/conditions/everyone_check.py",
        "if not await is_known_property(self._client, key):",
        "if False:",
    ),
    twin(
        32,
        "a negative operator counts as one that needs the property",
        _EVERYONE + "each_operator_is_known_to_need_the_property_or_is_treated_as_negative",
        "asyncclient/filters.py",
        '"lt", "lte", "in"),',
        '"lt", "lte", "in", "not_in"),',
    ),
    twin(
        32,
        "a filter on a field of persons passes as one on a property",
        _EVERYONE + "a_field_of_persons_is_no_property",
        "bulk/selection/conditions/filter_checks.py",
        'condition.type == "person" and condition.key in OWN_FIELDS',
        "False",
    ),
    twin(
        32,
        "persons without events since a time to come count as inactive",
        "bulk/selection/conditions/test_query_selections.py::test_inactive_since_a_time_to_come_would_be_everyone_and_is_refused",
        "bulk/selection/conditions/query_selections.py",
        'if name == "inactive_since" and resolved > now:',
        "if False:",
    ),
    twin(
        32,
        "a person of a query is planned although other conditions exclude it",
        _QUERIES + "a_plan_has_exactly_the_persons_that_the_records_name[inactive, anonymous and free]",
        "bulk/selection/conditions/query_resolver.py",
        "for matching in self._sets:",
        "for matching in self._sets[:0]:",
    ),
    twin(
        32,
        "a line of the protection list that cannot be used is skipped",
        _PROTECTED + "a_list_that_cannot_be_read_completely_protects_nobody_and_ends_the_planning",
        "bulk/selection/conditions/protection_list.py",
        "elif line.reason is not Reason.BLANK:",
        "elif False:",
    ),
    twin(
        32,
        "a line of the protection list protects only the ID that it equals",
        _PROTECTED + "a_line_protects_whatever_is_around_the_id",
        "bulk/selection/conditions/protection_list.py",
        "for meaning in meanings(line.value):",
        "for meaning in [line.value]:",
    ),
    twin(
        32,
        "an exported person is protected by one distinct ID only",
        _PROTECTED + "an_export_protects_by_uuid_whatever_distinct_ids_it_holds",
        "bulk/selection/id_files.py",
        "for kind in (Kind.ANY_DISTINCT_ID, Kind.PERSON_ID)",
        "for kind in (Kind.ANY_DISTINCT_ID,)",
    ),
    twin(
        32,
        "an email that one response leaves out protects nobody",
        "bulk/plan/test_protected_left_out.py::test_a_line_whose_person_one_response_leaves_out_protects_it",
        "bulk/selection/conditions/protection_list.py",
        "            await self._by_email(self._open_emails)\n",
        "",
    ),
    twin(
        32,
        "a protection list of blank lines protects nobody and says nothing",
        _PROTECTED + "a_list_of_blank_lines_ends_the_planning",
        "bulk/selection/conditions/protection_list.py",
        "if self.lines == 0:",
        "if False:",
    ),
    twin(
        32,
        "a condition of a protection on a misspelt property protects nobody and says nothing",
        "bulk/plan/test_protection_that_protects_nobody.py::test_a_condition_on_a_property_that_no_person_has_is_refused_with_the_closest_name",
        "bulk/selection/conditions/protection.py",
        "            await _refuse_unknown(client, condition)\n",
        "            pass\n",
    ),
    twin(
        33,
        "a person is planned without the line that selected it",
        "bulk/cli/commands/evidence/test_show_persons.py::test_a_line_has_its_persons_or_the_reason_why_it_has_none",
        "bulk/selection/selected_person.py",
        "SelectedPerson(ref=ref, known_by=by, line=line, change=change)",
        "SelectedPerson(ref=ref, known_by=by, change=change)",
    ),
)
