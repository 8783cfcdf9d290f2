"""The version of the distribution, as journals and reports state it."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("posthog-bulk")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


VERSION = _installed()
