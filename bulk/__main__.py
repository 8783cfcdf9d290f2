"""The command `posthog-bulk`, which is also `python -m bulk`."""

import signal
import sys


def main() -> int:
    """Run the command line of the process; an interrupt outside of a command ends it at once, without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise the parent process ignores interrupts
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # it takes a while
    from bulk.cli.main import main as run_command_line

    return run_command_line()


if __name__ == "__main__":
    sys.exit(main())
