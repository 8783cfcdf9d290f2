"""Mistakes in values per person and in before-images: guarantees 35 and 36."""

from twin import Twin, twin

_EXECUTOR = "bulk/execution/group_executor.py"
_SENDER = "bulk/execution/batch_sender.py"
_CALLS = "bulk/posthog/calls.py"
_VERIFIER = "bulk/verification/verifier.py"
_PLAN = "bulk/plan/plan_file.py"
_BEFORE = "bulk/undo/before_image.py"
_REVERT_DECISION = "bulk/undo/revert_decision.py"
_CONFLICTS = "bulk/selection/values/row_conflicts.py"
_OWN = "integration/properties/test_properties_per_person.py::test_"
_UNDO = "integration/properties/test_undo.py::test_"

VALUES: tuple[Twin, ...] = (
    twin(
        35,
        "a person gets the values of the next row of its block",
        _OWN + "each_person_gets_exactly_its_row",
        _PLAN,
        "            change = changes[number - first]\n",
        "            change = changes[(number - first + 1) % len(changes)]\n",
    ),
    twin(
        35,
        "all persons of a block of REST calls get the values of the first one",
        _OWN + "each_person_gets_exactly_its_row[rest]",
        _CALLS,
        "EncodedProperties(target.change.values) if",
        "EncodedProperties(batch[0].change.values) if batch[0].change and",
    ),
    twin(
        35,
        "any value counts as that of a person's own row",
        _OWN + "a_person_with_the_values_of_another_row_is_not_done",
        _VERIFIER,
        "observation = _observation(target, result, desired.get(number))",
        "observation = _observation(target, result, DesiredProperties(once=d.values) if (d := desired.get(number)) else None)",
    ),
    twin(
        35,
        "the first of two rows of one ID wins",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        "bulk/selection/line_resolver.py",
        "            self._conflicts.add_lines(usable)\n",
        "            self._conflicts.add_lines(usable[:0])\n",
    ),
    twin(
        35,
        "the first of two rows of one person wins",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        "bulk/selection/line_resolver.py",
        "                self._conflicts.add_persons(line, persons)\n",
        "                self._conflicts.add_persons(line, persons[:0])\n",
    ),
    twin(
        35,
        "rows conflict although their values are equal",
        _OWN + "two_rows_of_one_person_are_refused_by_line_unless_they_are_equal",
        _CONFLICTS,
        "            if known != digest:\n",
        "            if first != row.number:\n",
    ),
    twin(
        35,
        "an empty cell sets an empty text",
        _OWN + "cells_of_csv_are_typed_and_an_empty_one_is_left_alone_nulled_or_unset",
        "bulk/selection/values/row_lines.py",
        "            if cells[at]:\n",
        '            if cells[at] or cell_type == "text":\n',
    ),
    twin(
        35,
        "what is to be set once is set always",
        _OWN + "once_sets_what_a_person_lacks_and_keeps_what_it_has",
        _CALLS,
        "yield CaptureEvent.set_once(",
        "yield CaptureEvent.set(",
    ),
    twin(
        35,
        "the journal holds the values of persons",
        _OWN + "the_journal_has_keys_and_no_value",
        "bulk/operations.py",
        '    if "properties" not in fields:\n        return fields\n',
        '    return {**fields, "values": "secret"}\n',
    ),
    twin(
        36,
        "an entry is written after the intent of its change",
        _UNDO + "each_entry_is_synced_before_the_intent_of_its_change",
        _SENDER,
        "                        await self._keep_before(numbers, batch)\n                        attempt =",
        "                        attempt =",
        _SENDER,
        "                            requests=call.requests(batch),\n                        )\n",
        "                            requests=call.requests(batch),\n                        )\n                        await self._keep_before(numbers, batch)\n",
    ),
    twin(
        36,
        "a change leaves before its entry is synced",
        _UNDO + "each_entry_is_synced_before_the_intent_of_its_change",
        _BEFORE,
        "            self._kept[number] = 1\n        await self._writer.durable()\n",
        "            self._kept[number] = 1\n        self._writer.flush()\n",
    ),
    twin(
        36,
        "a later read replaces what a person had",
        _UNDO + "the_entry_of_a_person_is_what_it_had_before_the_first_change_was_sent",
        _BEFORE,
        "if not self._kept[n] or target_states.state(Axis.PROPERTIES, n) is _UNTOUCHED",
        "if True",
    ),
    twin(
        36,
        "a resume forgets which persons have an entry",
        _UNDO + "a_resume_keeps_the_entries_of_changes_that_were_sent_in_part",
        _BEFORE,
        "            kept[record.target] = 1\n",
        "            pass\n",
    ),
    twin(
        36,
        "a missing before-image is begun anew",
        _UNDO + "a_before_image_that_is_gone_stops_the_job",
        _BEFORE,
        "    if has_sent and not _exists(path):\n",
        "    if False:\n",
    ),
    twin(
        36,
        "another file is taken for the before-image",
        _UNDO + "an_existing_file_is_never_overwritten",
        "bulk/engine.py",
        "    refuse_foreign(plan, Path(journal))\n",
        "",
    ),
    twin(
        36,
        "a revert overwrites what others changed since",
        _UNDO + "persons_that_others_changed_since_are_left_and_named_and_gone_ones_stay_gone",
        _REVERT_DECISION,
        "    if made.unmet_keys(has):\n        return LeaveReason.CHANGED\n",
        "",
    ),
    twin(
        36,
        "a revert leaves properties that did not exist before",
        _UNDO + "an_update_or_unset_and_its_revert_leave_all_persons_as_before",
        _REVERT_DECISION,
        "absent=tuple(key for key in touched if key not in had)",
        "absent=()",
    ),
    twin(
        36,
        "the journal holds the name of the before-image",
        _UNDO + "the_journal_names_neither_the_file_nor_a_value",
        "bulk/operations.py",
        '        fields = {**fields, "keep_before": True}\n',
        "        pass\n",
    ),
)
