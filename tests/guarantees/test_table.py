"""The table of twins quotes the packages as they are. A quick check, to be run after changing a quoted line."""

import pytest
from harness import ROOT
from twins import TWINS, Twin


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"{twin.guarantee:02}-{twin.says.replace(' ', '-')}")
def test_each_quoted_text_occurs_once_and_each_test_exists(twin: Twin) -> None:
    for change in twin.cuts:
        assert (ROOT / change.file).read_text().count(change.old) == 1, change.old
    for node in twin.tests:
        file, _, name = node.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), node
