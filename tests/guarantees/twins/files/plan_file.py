"""Mistakes in the plan as a file: guarantees 9, 18, 23, 25, 32 and 35."""

from twin import Twin, twin

_PLAN = "bulk/plan/plan_file.py"
_OWN = "integration/properties/test_properties_per_person.py::test_"

PLAN_FILE: tuple[Twin, ...] = (
    twin(
        9,
        "what a killed planning left stays",
        "bulk/plan/test_plan_file.py::test_a_new_plan_removes_what_a_killed_planning_left",
        "bulk/plan/plan_writer.py",
        "        remove_abandoned(path.parent,",
        "        str(path.parent) and (",
    ),
    twin(
        18,
        "a plan keeps every target it has read",
        "bulk/test_memory.py::test_a_plan_is_read_in_blocks_that_are_not_kept",
        "bulk/plan/plan_file.py",
        "        self._cached = (block, targets)\n        return",
        "        self.__dict__.setdefault('kept', []).append(targets)\n        return",
    ),
    twin(
        23,
        "an edited plan is accepted",
        "bulk/plan/test_plan_file_damage.py::test_a_changed_target_is_reported_with_both_digests",
        "bulk/plan/plan_file.py",
        "if digest != footer.digest:",
        "if False:",
    ),
    twin(
        23,
        "a plan that is edited while it runs is accepted",
        "bulk/plan/test_plan_file_damage.py::test_editing_the_file_in_place_later_is_detected",
        "bulk/plan/plan_file.py",
        "if zlib.crc32(data) != self._index.sums[block]:",
        "if False:",
    ),
    twin(
        25,
        "the digest of the plan file leaves out its last line",
        "bulk/cli/commands/evidence/test_report_evidence.py::test_the_commands_of_a_report_confirm_its_digests",
        "bulk/plan/plan_file.py",
        "hashed.update(read_bytes(fd, end, size - end, path))",
        "pass",
    ),
    twin(
        32,
        "a plan that is made again has another digest",
        "bulk/plan/planner/test_planner_queries.py::test_the_same_data_gives_the_same_plan_whenever_planning_was_cancelled",
        "bulk/plan/plan_writer.py",
        "self._append(without_time(header))",
        "self._append(header)",
    ),
    twin(
        35,
        "a person gets the values of the next row of its block",
        _OWN + "each_person_gets_exactly_its_row",
        _PLAN,
        "            change = changes[number - first]\n",
        "            change = changes[(number - first + 1) % len(changes)]\n",
    ),
)
