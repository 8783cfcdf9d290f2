"""Journals, reports and the command name the version that is installed."""

from importlib.metadata import version

from bulk.version import VERSION


def test_the_version_is_that_of_the_package() -> None:
    assert version("posthog-bulk") == VERSION
