"""Counts the distinct IDs of persons that have more than a batch read shows. Reads only (contract 6.1, 6.11)."""

from collections.abc import Sequence
from typing import Any

from asyncclient import BadRequest, PostHogClient
from bulk.concurrency.workers import run_workers
from bulk.selection.input_findings import LISTED_MAX
from bulk.selection.selected_person import SelectedPerson


async def count_distinct_ids(
    client: PostHogClient, persons: Sequence[tuple[dict[str, Any], SelectedPerson]], *, concurrency: int
) -> None:
    """Set in the finding of each person how many distinct IDs a listing shows.

    Arguments:
        client: for listings.
        persons: each with its finding, which stays as it is where the listing does not have the person.
        concurrency: requests at once.
    """

    async def count(pair: tuple[dict[str, Any], SelectedPerson]) -> None:
        finding, selected = pair
        try:
            page = await client.persons.list(distinct_id=selected.known_by, limit=10)
        except BadRequest:
            return  # the plan does not depend on it
        for person in page.results:
            if person.uuid == selected.ref.uuid and len(person.distinct_ids) > finding["distinct_ids"]:
                finding["distinct_ids"] = len(person.distinct_ids)
                finding["is_minimum"] = len(person.distinct_ids) >= LISTED_MAX

    await run_workers(count, persons, workers=concurrency)
