"""A clock of the server that a test can set forward."""

import time


class Clock:
    """The server's clock, which a test can set forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s
