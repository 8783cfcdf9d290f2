"""The table quotes the packages as they are: a quick look, for whoever changes a line that is quoted."""

import pytest
from harness import ROOT
from twins import TWINS, Twin


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"{twin.promise:02}-{twin.says.replace(' ', '-')}")
def test_every_text_to_break_is_there_exactly_once(twin: Twin) -> None:
    for change in twin.cuts:
        assert (ROOT / change.file).read_text().count(change.old) == 1, change.old
    for node in twin.tests:
        file, _, name = node.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), node
