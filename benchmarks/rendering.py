"""Results as text for a terminal and as tables for the README. Pure."""

import math
from collections.abc import Sequence

from benchmarks.figures import Check, Result, Row, Run, spread

BEGIN = "<!-- figures: written by `python -m benchmarks --readme FILE` -->"
END = "<!-- end of figures -->"

UNITS = {
    "persons_s": "persons/s",
    "requests_s": "requests/s",
    "pages_s": "pages/s",
    "cpu_ms_person": "CPU ms/person",
    "cpu_us_person": "CPU µs/person",
    "cpu_s": "CPU s",
    "process_cpu_s": "process CPU s",
    "peak_mb": "peak MB",
    "server_busy": "server busy",
    "us": "µs",
    "wall_ms": "ms",
    "cpu_ms": "CPU ms",
    "bytes_target": "bytes/target",
    "journal_mb": "journal MB",
    "used": "allowance used",
    "refused": "429s",
}
"""Column headings of figures; other names that end with `_s` are seconds."""

PERCENT = frozenset({"server_busy", "used"})


def as_text(result: Result) -> str:
    """Return a result as text for a terminal."""
    heads, cells = _table(result.rows)
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    lines = [f"== {result.question}: {result.asks}"]
    for line in [heads, *cells]:
        columns = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(columns).rstrip())
    lines += [_check_line(check, smoke=result.smoke) for check in result.checks]
    lines += [f"note: {note}" for note in result.notes]
    return "\n".join(lines)


def as_markdown(run: Run) -> str:
    """Return the results of a run as Markdown for the README."""
    where = run.environment
    packages = ", ".join(f"{name} {version}" for name, version in where.packages.items())
    parts = [
        f"{where.system}, {where.machine}, {where.cores} cores of {where.processor}, Python {where.python}; {packages}."
    ]
    for result in run.results:
        parts.append(f"### {result.question}\n\n{result.asks}")
        heads, cells = _table(result.rows)
        rule = ["---", *["---:" for _ in heads[1:]]]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in [heads, rule, *cells]))
        if result.checks:
            parts.append("\n".join(f"- {_check_line(check, smoke=result.smoke)}" for check in result.checks))
        if result.notes:
            parts.append("\n".join(result.notes))
    return "\n\n".join(parts)


def put_into(readme: str, figures: str) -> str:
    """Return a README with the text between its two marks replaced.

    Raises:
        ValueError: a mark is missing, or is there more than once.
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError("the README does not have its two marks once each, in order")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def number(value: float) -> str:
    """Return a number with three significant digits, or as a whole number."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    heads = ["contender", *(_head(name) for name in names)]
    return heads, [[row.contender, *(_cell(name, row.figures.get(name, [])) for name in names)] for row in rows]


def _head(name: str) -> str:
    if name in UNITS:
        return UNITS[name]
    words = name.replace("_", " ")
    return f"{words[:-2]}, s" if name.endswith("_s") else words


def _cell(name: str, values: Sequence[float]) -> str:
    if not values:
        return "-"
    scale, sign = (100, " %") if name in PERCENT else (1, "")
    middle, (low, high) = Row(contender="", figures={"": [*values]}).median(""), spread(values)
    text = f"{number(middle * scale)}{sign}"
    if low == high:
        return text
    return f"{text} ({number(low * scale)} to {number(high * scale)})"


def _check_line(check: Check, *, smoke: bool) -> str:
    line = f"{check.what}: {number(check.value)}, target {check.sense} {number(check.bound)}"
    return f"{line} (not checked: the run is too short)" if smoke else f"{line}: {'met' if check.holds else 'MISSED'}"
