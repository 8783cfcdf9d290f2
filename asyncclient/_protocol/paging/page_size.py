"""PageSize: the rows per request, fewer after a page that takes too long and more again after pages that do not. Pure.

One person with very many distinct IDs or properties can make a page of 1,000 rows time out, and smaller pages around it
do not (contract 9).
"""

SHRINK_BY = 4
"""How many times smaller the next page is: each failure costs a timeout, and four of them lead from 1,000 rows to 4."""
GROW_AFTER = 4
"""Consecutive pages that arrive before the next one is twice as large."""


class PageSize:
    """The rows per request of one listing or query.

    Arguments:
        wanted: rows per request while no page takes too long.
    """

    def __init__(self, wanted: int) -> None:
        self.rows = wanted
        self._wanted = wanted
        self._arrived = 0

    def shrink(self, failed: int, *, least: int) -> bool:
        """Take fewer rows per request after a page that took too long.

        Arguments:
            failed: the rows of that page.
            least: rows that a page needs to make progress.

        Returns:
            Whether a smaller page can be requested; if not, nothing changes.
        """
        if failed <= least:
            return False
        self.rows = max(least, failed // SHRINK_BY)
        self._arrived = 0
        return True

    def grow(self) -> None:
        """Count a page that arrived, and take more rows per request again after `GROW_AFTER` of them."""
        if self.rows >= self._wanted:
            return
        self._arrived += 1
        if self._arrived == GROW_AFTER:
            self.rows = min(self._wanted, self.rows * 2)
            self._arrived = 0
