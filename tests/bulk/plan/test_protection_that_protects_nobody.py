"""A protection that protects nobody is refused or named: by line, by condition, in plans and in runs (guarantee 32)."""

from pathlib import Path
from typing import Any

import pytest

from asyncclient import PostHogClient, PropertyFilter
from asyncclient.filters import Operator
from asyncclient.testing import LocalPostHog
from bulk import ByDistinctIds, ByFilter, DeletePersons, make_plan, run_job
from bulk.errors import InputError, Refused
from bulk.events import ProtectionChecked
from bulk.report.rendering.findings import finding_sentences
from bulk.selection.input_findings import by_kind

FREE = ByFilter(properties=(PropertyFilter("plan", "free"),))
MERGED = (
    "The UUIDs among them (lines 2) may be of persons that were merged into others since: list a distinct ID or the "
    "email of these persons too."
)
SOME = ByDistinctIds(["user-1", "user-2", "held"])


async def planned(client: PostHogClient, folder: Path, *protect: Any, selection: Any = FREE) -> tuple[Any, list[str]]:
    """The finding of the protection, and the sentences of the review."""
    path = folder / "x.plan.jsonl"
    path.unlink(missing_ok=True)
    with await make_plan(client, DeletePersons(), selection, path, protect=protect) as plan:
        findings = by_kind(plan.findings)
    return findings["protected"], list(finding_sentences(findings))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("key", "operator", "protects", "suggests"),
    [
        ("emial", "is_set", "nobody", ["Did you mean email?"]),
        ("Plan", "exact", "nobody", ["Did you mean plan?"]),
        ("xxxxxxxxx", "exact", "nobody", []),
        ("emial", "is_not", "every person", ["Did you mean email?"]),
    ],
)
async def test_a_condition_on_a_property_that_no_person_has_is_refused_with_the_closest_name(
    server: LocalPostHog,
    client: PostHogClient,
    tmp_path: Path,
    key: str,
    operator: Operator,
    protects: str,
    suggests: list[str],
) -> None:
    condition = PropertyFilter(key, "x", operator=operator)
    with pytest.raises(
        Refused, match=f"no person has the property '{key}', .* protects {protects}; correct"
    ) as refused:
        await planned(client, tmp_path, condition)
    assert getattr(refused.value, "__notes__", []) == suggests
    assert names(tmp_path) == []


async def test_a_condition_that_no_person_meets_is_named(client: PostHogClient, tmp_path: Path) -> None:
    conditions = (PropertyFilter("plan", "staff"), PropertyFilter("country", "DE"))
    finding, sentences = await planned(client, tmp_path, *conditions)
    assert [(one["key"], one["count"] > 0) for one in finding["conditions"]] == [("plan", False), ("country", True)]
    assert sentences == ["Warning: no person meets a condition of --protect (plan exact), so it protects nobody."]


async def test_a_protection_that_matches_no_person_at_all_is_said_loudly(client: PostHogClient, tmp_path: Path) -> None:
    staff = tmp_path / "staff.txt"
    staff.write_text("nobody\nno one\n")
    _, sentences = await planned(client, tmp_path, staff, PropertyFilter("plan", "staff"))
    assert sentences[:2] == [
        "Warning: --protect protects nobody, because it matches no person of the project.",
        "Warning: 2 lines of the protection list match no person and protect nobody: 1-2.",
    ]


async def test_a_uuid_that_was_merged_away_is_named_and_a_distinct_id_beside_it_protects(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    kept, merged = server.world.add_person(["user-kept"], {}), server.world.add_person(["held"], {})
    server.world.merge(kept, merged)
    staff = tmp_path / "staff.txt"
    staff.write_text(f"user-5\n{merged}\n")
    finding, sentences = await planned(client, tmp_path, staff, selection=SOME)
    assert finding["unmatched_uuids"] == finding["unmatched"] == {"count": 1, "lines": "2"}
    assert finding["count"] == 0
    assert sentences == [
        "Warning: 1 line of the protection list matches no person and protects nobody: 2.",
        MERGED,
    ]
    for line in (f"{merged},held", f'{{"uuid":"{merged}","distinct_ids":["held"]}}'):
        staff.write_text(f"{line}\n")
        finding, sentences = await planned(client, tmp_path, staff, selection=SOME)
        assert (finding["count"], finding["unmatched"]["count"], sentences) == (1, 0, [])


@pytest.mark.parametrize(
    "text",
    [
        "name,distinct_id\nAnn,held\n",
        "sep=;\nName;ID\nAnn;held\n",
        "Name\tuser_id\nAnn\theld\n",
        f'note,email,uuid\n{"x" * 500},,"held"\n',
        'name,id\n"Doe, Ann","held"\n',
        "Ann\theld\n",
        "\n\nname,distinct_id\nAnn,held\n",
        '"Ann, ""A"" Doe";"held"\n',
    ],
)
async def test_a_csv_file_protects_the_persons_of_all_its_cells(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path, text: str
) -> None:
    server.world.add_person(["held"], {})
    staff = tmp_path / "staff.csv"
    staff.write_text(text)
    finding, sentences = await planned(client, tmp_path, staff, selection=SOME)
    assert (finding["count"], finding["read"], finding["unmatched"]["count"]) == (1, 1, 0)
    assert sentences == []


async def test_a_quoted_cell_with_a_separator_is_one_id(
    server: LocalPostHog, client: PostHogClient, tmp_path: Path
) -> None:
    server.world.add_person(["a,b"], {})
    staff = tmp_path / "staff.csv"
    staff.write_text('name;id\nAnn;"a,b"\n')
    finding, _ = await planned(client, tmp_path, staff, selection=ByDistinctIds(["a,b", "user-1"]))
    assert finding["count"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "staff.txt is empty: it must hold one distinct ID, UUID or email per line"),
        (b"PK\x03\x04" + bytes(60), "zip"),
        (b'[{"uuid": "x"}]\n', "staff.txt is a JSON array: write one item per line"),
        (b"user-1\nuser\0-2\n", r"line 2 of the protection list cannot be used \(NUL byte\)"),
    ],
)
async def test_a_list_that_cannot_be_read_is_refused_with_a_remedy_and_without_a_plan(
    client: PostHogClient, tmp_path: Path, content: bytes, says: str
) -> None:
    staff = tmp_path / "staff.txt"
    staff.write_bytes(content)
    with pytest.raises(InputError, match=says):
        await planned(client, tmp_path, staff)
    assert names(tmp_path) == ["staff.txt"]


async def test_a_run_names_what_protects_nobody_too(client: PostHogClient, tmp_path: Path) -> None:
    staff, events = tmp_path / "staff.txt", []
    staff.write_text("user-5\nnobody\n")
    path, journal = tmp_path / "x.plan.jsonl", tmp_path / "x.journal.jsonl"
    selection = ByDistinctIds(["user-1"])
    with await make_plan(client, DeletePersons(), selection, path) as plan:
        protect = [staff, PropertyFilter("plan", "staff")]
        await run_job(client, plan, journal, approve=plan.digest, protect=protect, on_progress=events.append)
    (checked,) = [event for event in events if isinstance(event, ProtectionChecked)]
    assert (checked.lines, checked.unmatched) == (2, 1)
    assert checked.warnings == (
        "Warning: 1 line of the protection list matches no person and protects nobody: 2.",
        "Warning: no person meets a condition of --protect (plan exact), so it protects nobody.",
    )
