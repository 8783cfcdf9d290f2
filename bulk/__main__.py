"""`python -m bulk`: the same as `posthog-bulk`."""

import sys

from bulk.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
