"""Runs one contender of one benchmark, and prints its figures as a line of JSON.

Usage: `python -m benchmarks.contenders.contender BENCHMARK NAME JSON`.
"""

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.processes import peak_mb

Contender = Callable[[dict[str, Any]], dict[str, float]]
"""Takes the arguments of the benchmark and returns figures."""


def main() -> None:
    """Run the contender and print its figures, with its CPU time and peak memory."""
    question, name, arguments = sys.argv[1:]
    contenders: dict[str, Contender] = importlib.import_module(f"benchmarks.questions.{question}").CONTENDERS
    figures = contenders[name](msgspec.json.decode(arguments))
    used = {"process_cpu_s": time.process_time(), "peak_mb": peak_mb()}
    print(msgspec.json.encode(used | figures).decode())


if __name__ == "__main__":
    main()
