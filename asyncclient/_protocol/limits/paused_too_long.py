"""PausedTooLong: the exception of a permit that the caller does not wait for."""


class PausedTooLong(Exception):
    """The server asks for a longer pause than the caller accepts.

    Arguments:
        left_s: seconds that are left of the pause.
        status: HTTP status of the response that asked for it.
    """

    def __init__(self, left_s: float, status: int) -> None:
        super().__init__(f"the server asks to wait {left_s:.0f} s more")
        self.left_s = left_s
        self.status = status
