"""Runs one contender of one question: `python -m benchmarks.contender QUESTION NAME JSON`; prints one line of JSON."""

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.processes import peak_mb

Contender = Callable[[dict[str, Any]], dict[str, float]]
"""Takes what the question says to it, and returns its figures."""


def main() -> None:
    """Run the contender, and tell its figures and what it used."""
    question, name, said = sys.argv[1:]
    contenders: dict[str, Contender] = importlib.import_module(f"benchmarks.{question}").CONTENDERS
    figures = contenders[name](msgspec.json.decode(said))
    used = {"process_cpu_s": time.process_time(), "peak_mb": peak_mb()}
    print(msgspec.json.encode(used | figures).decode())


if __name__ == "__main__":
    main()
