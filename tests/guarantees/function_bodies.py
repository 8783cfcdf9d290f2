"""Exchanges the bodies of functions in modules that are imported already, so that a changed file needs no new import.

Most mistakes of the twins are in bodies of functions. Everything else of a file runs when it is imported.
"""

import ast
import gc
from collections import Counter, defaultdict
from pathlib import Path
from types import CodeType, FunctionType

_Place = tuple[str, int]
"""The qualified name of a function, and which of the functions of this name in the file it is."""


class LiveFunctions:
    """The functions that exist in this process and come from the files of a folder.

    Arguments:
        folder: the folder of the packages, as in the paths of their modules.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}/"
        self._of_file = defaultdict[str, list[FunctionType]](list)

    def note(self) -> None:
        """Add the functions that exist now, and exempt them and all other objects from later garbage collections."""
        for each in gc.get_objects():
            if type(each) is FunctionType and each.__code__.co_filename.startswith(self._folder):
                self._of_file[each.__code__.co_filename].append(each)
        gc.freeze()

    def exchange(self, path: Path, old: str, new: str) -> bool:
        """Give the functions of a file the bodies that they have in its new text.

        Returns:
            Whether the functions then are those of the new text; otherwise, nothing has changed.
        """
        if not differ_in_bodies_only(old, new):
            return False
        before, after = _codes(old, path), _codes(new, path)
        replacements = {_identity(code): after.get(place) for place, code in before.items()}
        pairs = list[tuple[FunctionType, CodeType]]()
        for function in self._of_file[str(path)]:
            replacement = replacements.get(_identity(function.__code__))
            if replacement is None or replacement.co_freevars != function.__code__.co_freevars:
                return False
            pairs.append((function, replacement))
        for function, replacement in pairs:
            function.__code__ = replacement
        return True


def differ_in_bodies_only(old: str, new: str) -> bool:
    """Return whether two texts of a module are equal except for the bodies of functions."""
    return _outline(old) == _outline(new)


def _outline(text: str) -> str:
    """Return the syntax of a module without the bodies of its functions."""
    tree = ast.parse(text)
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
        elif not isinstance(node, ast.expr):
            waiting.extend(ast.iter_child_nodes(node))
    return ast.dump(tree)


def _identity(code: CodeType) -> tuple[str, int, bytes]:
    """Return what tells the code of one function of a file from that of others, also of lambdas in one line."""
    return code.co_qualname, code.co_firstlineno, code.co_linetable


def _codes(text: str, path: Path) -> dict[_Place, CodeType]:
    """Compile a module, and return the code of each function in it, nested ones included."""
    found = dict[_Place, CodeType]()
    numbers = Counter[str]()
    waiting = [compile(text, str(path), "exec", dont_inherit=True)]
    while waiting:
        for each in waiting.pop().co_consts:
            if isinstance(each, CodeType):
                found[each.co_qualname, numbers[each.co_qualname]] = each
                numbers[each.co_qualname] += 1
                waiting.append(each)
    return found
