"""Runs all benchmarks, or some: `python -m benchmarks`."""

import argparse
import importlib
import os
import platform
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import msgspec

from benchmarks.figures import Environment, Result, Run
from benchmarks.harness import Bench
from benchmarks.rendering import as_markdown, as_text, put_into

QUESTIONS = ("per_person", "latency", "erasure", "values", "journal", "listing", "limiter", "start", "completeness")
PACKAGES = (
    "posthog-bulk", "aiohttp", "anyio", "msgspec", "aiolimiter", "uvloop", "requests", "httpx", "tenacity",
    "djangorestframework",
)  # fmt: skip
README = Path(__file__).parent / "README.md"


def main() -> int:
    """Measure and print the results, or write results into the README."""
    options = _options()
    if options.readme is not None:
        README.write_text(put_into(README.read_text(), as_markdown(read(options.readme))))
        return 0
    if options.json is not None:
        options.json.write_text("")  # fails now if the file cannot be written
    run = Run(environment=environment())
    print(msgspec.json.format(msgspec.json.encode(run.environment)).decode(), flush=True)
    _keep(options.json, run.environment)
    for question in options.only or QUESTIONS:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
            bench = Bench(smoke=options.smoke, repeats=options.repeats, folder=Path(folder))
            result: Result = importlib.import_module(f"benchmarks.questions.{question}").measure(bench)
        result.smoke = options.smoke
        run.results.append(result)
        print(f"\n{as_text(result)}\n({time.perf_counter() - start:.0f} s)", flush=True)
        _keep(options.json, result)
    missed = [check.what for result in run.results for check in result.checks if not check.holds]
    if missed and not options.smoke:
        print(f"\n{len(missed)} targets missed", file=sys.stderr)
    return int(bool(missed) and not options.smoke)


def read(paths: list[Path]) -> Run:
    """Read files that `--json` wrote as one run; of a benchmark that occurs twice, the last result counts.

    Raises:
        ValueError: a file is not such a file.
    """
    results: dict[str, Result] = {}
    environments = []
    for path in paths:
        first, *rest = path.read_bytes().splitlines() or [b""]
        environments.append(msgspec.json.decode(first, type=Environment))
        lines = [msgspec.json.decode(line, type=Result) for line in rest]
        results |= {result.question: result for result in lines}
    ordered = [results[question] for question in QUESTIONS if question in results]
    return Run(environment=environments[-1], results=ordered)


def environment() -> Environment:
    """Return where the benchmarks run, without names of machines or paths."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Environment(
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        processor=_processor(),
        cores=os.cpu_count() or 0,
        python=platform.python_version(),
        packages=packages,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _keep(path: Path | None, line: Environment | Result) -> None:
    """Append a line, so that an interrupted run keeps its results so far."""
    if path is not None:
        with path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")


def _repeats(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=QUESTIONS, help="run this benchmark; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, one benchmark per line")
    parser.add_argument("--smoke", action="store_true", help="run once with tiny sizes, without targets")
    parser.add_argument("--repeats", type=_repeats, default=7, metavar="N", help="runs per contender (default: 7)")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="folder for plans and journals (default: the system's temporary folder)",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="write files of --json into README.md",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
