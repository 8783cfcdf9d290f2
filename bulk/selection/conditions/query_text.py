"""Checks the text of a query of the user's own, which becomes part of another query. Pure.

A query that closes more parentheses than it opens, or leaves a string or a comment open, would change the query around
it, so it is refused here and not left to the server.
"""

import re

from bulk.errors import InputError

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
    |(?P<open>['"`]|/\*)
    |(?P<other>[^\s'"`/();-]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_NOT_CLOSED = {"/*": "a comment", "'": "a string", '"': "a quoted name", "`": "a quoted name"}


def bare_query(query: str) -> str:
    """Return a query without blanks, comments and semicolons at its end.

    Raises:
        InputError: its parentheses do not match, a string or comment does not end, or it is more than one query.
    """
    depth = end = 0
    is_over = False
    for token in _TOKEN.finditer(query):
        text = token[0]
        if token["blank"] is not None:
            continue
        if token["open"] is not None:
            raise InputError(f"{_NOT_CLOSED[text]} in the query (--hogql) does not end: close it")
        if text == ";":
            is_over = True
            continue
        if is_over:
            raise InputError("there is text after a semicolon in the query (--hogql): give one SELECT")
        depth += (text == "(") - (text == ")")
        if depth < 0:
            raise InputError("the query (--hogql) closes a parenthesis that it does not open: correct the query")
        end = token.end()
    if depth:
        raise InputError("a parenthesis in the query (--hogql) is not closed: close it")
    return query[:end].strip()
