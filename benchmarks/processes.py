"""The CPU time and memory of a process, as the operating system counts them."""

import os
import resource
import sys
from pathlib import Path

_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of another process so far, to a hundredth, or NaN where they are unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return float("nan")
    # after the name, which may hold spaces, user and system time are the 12th and 13th field
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _PER_SECOND


def peak_mb() -> float:
    """Return the peak memory of this process, in units of 1,000,000 bytes.

    `ru_maxrss` of a child includes the memory of its parent at the fork, so Linux's own count comes first.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
