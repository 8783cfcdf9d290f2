"""All that an error can show to those who log or print it."""

import traceback


def everything(error: BaseException) -> str:
    """Return all that an error report can show: chained errors and local variables of this package and below."""
    parts = []
    seen: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        each = rest.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        parts += [repr(each), str(each), repr(each.args), repr(vars(each))]
        inner = traceback.TracebackException.from_exception(each, capture_locals=True)
        # the frames of the test itself hold what the test was given
        parts += [
            f"{frame.filename}:{frame.name} {frame.locals}" for frame in inner.stack if "/tests/" not in frame.filename
        ]
        rest += [each.__cause__, each.__context__]
    return "\n".join(parts)
