"""Mistakes in exports, and in text for terminals and spreadsheets: guarantee 30."""

from twin import Twin, twin

EXPORTS: tuple[Twin, ...] = (
    twin(
        30,
        "control characters reach the terminal",
        (
            "bulk/test_sanitize.py::test_plain_text_holds_no_control_bidi_or_invisible_character",
            "bulk/cli/test_main.py::test_error_messages_have_no_control_characters",
        ),
        "bulk/sanitize.py",
        '_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", ',
        "_UNSAFE_CATEGORIES = frozenset({",
    ),
    twin(
        30,
        "a cell may be a formula",
        "bulk/test_sanitize.py::test_a_formula_is_quoted",
        "bulk/sanitize.py",
        'return "\'" + shown if shown.lstrip().startswith(_FORMULA) else shown',
        "return shown",
    ),
    twin(
        30,
        "markup is live in a report",
        "bulk/report/rendering/test_rendering.py::test_no_foreign_text_breaks_a_table_or_makes_markup",
        "bulk/sanitize.py",
        '.replace("<", "&lt;")',
        "",
    ),
    twin(
        30,
        "a cell may be a formula after a semicolon",
        (
            "bulk/test_sanitize.py::test_a_formula_after_a_semicolon_is_quoted",
            "bulk/export/test_csv_rows.py::test_a_spreadsheet_that_splits_elsewhere_finds_no_formula",
        ),
        "bulk/sanitize.py",
        'shown = _AFTER_SEMICOLON.sub(";\'", plain(text, limit=None))',
        "shown = plain(text, limit=None)",
    ),
    twin(
        30,
        "a string in a JSON cell may be a formula after a semicolon",
        "bulk/export/test_csv_rows.py::test_a_spreadsheet_that_splits_elsewhere_finds_no_formula",
        "bulk/sanitize.py",
        "found[1] + _json(found[2], always=True)",
        "found[0]",
    ),
)
