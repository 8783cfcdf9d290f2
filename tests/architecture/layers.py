"""Prints the layers of each package, lowest first, with their modules and what each part imports.

    python -m tests.architecture.layers [PACKAGE...]

The order of the layers is `LAYERS` in `tests/architecture/test_layers.py`, which checks the imports.
"""

import sys
from collections.abc import Iterator

from tests.architecture.test_layers import LAYERS, imported_by


def layer_lines(package: str) -> Iterator[str]:
    """Return the layers of a package as lines of text.

    Arguments:
        package: a key of `LAYERS`.
    """
    imports = imported_by(f"{package}.")
    yield f"{package}: each layer imports itself and the layers above it in this list"
    for number, layer in enumerate(LAYERS[package], 1):
        yield f"{number:>3}. {layer.replace(' ', ', ')}"
        for part in layer.split():
            root = f"{package}.{part}"
            modules = sorted(name for name in imports if name == root or name.startswith(f"{root}."))
            inner = [name.removeprefix(f"{root}.") for name in modules if name != root]
            if inner:
                yield f"       {part}/  {', '.join(inner)}"
            used = {_part(package, name) for module in modules for name in imports[module]} - {part, None}
            yield f"       {part} imports {', '.join(sorted(str(name) for name in used)) or 'nothing of this project'}"


def _part(package: str, name: str) -> str | None:
    """Return the part of this package, or the other package of the project, that an imported module belongs to."""
    if name.startswith(f"{package}."):
        return name.removeprefix(f"{package}.").partition(".")[0]
    return name.partition(".")[0] if name.partition(".")[0] in ("asyncclient", "bulk") and name != package else None


def main(packages: list[str]) -> None:
    """Print the layers of the packages given, by default of all."""
    texts = ["\n".join(layer_lines(package)) for package in packages or LAYERS]
    sys.stdout.write("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
