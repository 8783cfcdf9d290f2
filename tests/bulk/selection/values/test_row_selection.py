"""The copy of rows that are no file: it is closed with the selection, and no warning comes from it."""

import gc
import os
import warnings
from typing import Any

import pytest

from bulk import open_rows


def test_a_copy_in_a_reference_cycle_is_closed_without_a_warning() -> None:
    cycle: list[Any] = [open_rows([{"distinct_id": "a", "plan": "pro"}])]
    cycle.append(cycle)
    descriptor = cycle[0].source.fileno()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del cycle
        gc.collect()
    assert [text for each in warned if f"name={descriptor} " in (text := str(each.message))] == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
