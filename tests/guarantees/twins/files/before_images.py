"""Mistakes in before-images and reverts: guarantee 36."""

from twin import Twin, twin

_BEFORE = "bulk/undo/before_image.py"
_UNDO = "integration/properties/test_undo.py::test_"
_REVERT_DECISION = "bulk/undo/revert_decision.py"

BEFORE_IMAGES: tuple[Twin, ...] = (
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
        "the plan is taken for the before-image",
        _UNDO + "a_before_image_is_neither_the_plan_nor_the_journal",
        "bulk/plan/plan_writer.py",
        "    if os.path.realpath(path) == os.path.realpath(plan):\n",
        "    if False:\n",
    ),
    twin(
        36,
        "the journal is taken for the before-image",
        _UNDO + "a_before_image_is_neither_the_plan_nor_the_journal",
        _BEFORE,
        "    if path is not None and os.path.realpath(path) == os.path.realpath(journal):\n",
        "    if False:\n",
    ),
    twin(
        36,
        "a revert overwrites what others changed since",
        _UNDO + "persons_that_others_changed_since_are_left_and_named_and_gone_ones_stay_gone",
        _REVERT_DECISION,
        "    if any(key in touched for key in made.unmet_keys(has)):\n        return LeaveReason.CHANGED\n",
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
        "a property that was hidden at first is not in what a person had",
        "integration/test_hidden_properties.py::test_what_was_hidden_is_added_to_what_a_person_had_before",
        _BEFORE,
        "if entry is None or not shown:",
        "if entry is None or shown:",
    ),
    twin(
        36,
        "what else a person had is lost when a hidden property is added",
        "integration/test_hidden_properties.py::test_what_was_hidden_is_added_to_what_a_person_had_before",
        _BEFORE,
        "had={**entry.had, **shown}",
        "had=shown",
    ),
)
