"""The installed version of posthog-bulk, as journals and reports state it."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("posthog-bulk")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


VERSION = _installed()
