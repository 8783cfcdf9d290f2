"""Mistakes in files in general: guarantees 9 and 25."""

from twin import Twin, twin

_FILES = "bulk/files/private_files.py"

PRIVATE_FILES: tuple[Twin, ...] = (
    twin(
        9,
        "files are created readable by everyone",
        (
            "bulk/files/test_private_files.py::test_a_created_file_is_private_with_any_umask",
            "bulk/journal/file/test_storage.py::test_a_new_journal_is_empty_and_private_with_any_umask",
            "bulk/plan/test_plan_file.py::test_a_plan_is_private_and_replaces_no_file",
        ),
        _FILES,
        "PRIVATE = 0o600",
        "PRIVATE = 0o644",
    ),
    twin(
        9,
        "creating a file opens an existing one",
        "bulk/files/test_private_files.py::test_creating_never_opens_an_existing_file",
        _FILES,
        "os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW",
        "os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW",
    ),
    twin(
        9,
        "a symlink is followed on opening",
        (
            "bulk/files/test_private_files.py::test_only_regular_files_are_opened_without_waiting",
            "bulk/journal/file/test_storage.py::test_only_a_regular_file_is_a_journal",
            "bulk/plan/test_plan_file_damage.py::test_only_a_regular_file_is_loaded",
        ),
        _FILES,
        "extra = os.O_NOFOLLOW | os.O_CLOEXEC",
        "extra = os.O_CLOEXEC",
    ),
    twin(
        9,
        "a plan has a name while it is made",
        "bulk/plan/test_plan_file_damage.py::test_a_kill_while_planning_leaves_no_file",
        "bulk/files/unnamed_file.py",
        'flag = getattr(os, "O_TMPFILE", 0)',
        "flag = 0",
    ),
    twin(
        25,
        "a report with a changed line passes as signed",
        "bulk/files/test_signed_file.py::test_a_changed_byte_of_the_report_is_found_in_its_line",
        "bulk/files/signed_file.py",
        "if hashlib.sha256(data).hexdigest() != signature.sha256:",
        "if False:",
    ),
    twin(
        25,
        "a signature file with a changed character passes as unchanged",
        "bulk/files/test_signed_file.py::test_each_changed_bit_of_the_signature_is_found",
        "bulk/files/signed_file.py",
        "if base64.b64encode(data).decode() != text:",
        "if False:",
    ),
)
