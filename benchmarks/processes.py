"""What a process has used: processor time and memory, as the system counts them."""

import os
import resource
import sys
from pathlib import Path

_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """The processor seconds that another process has used so far, to a hundredth; not a number where unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return float("nan")
    # behind the name, which may hold blanks: user and system time are the 12th and 13th
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _PER_SECOND


def peak_mb() -> float:
    """The most memory that this process has had at once, in units of 1,000,000 bytes.

    `ru_maxrss` of a child holds what its parent had when it was made, so Linux's own count of this program comes first.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
