"""UUIDs by key and keys by UUID."""

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient.testing.tables.uuids import UuidTable, derive_uuid, format_uuid, parse_uuid

NAMESPACE = UUID("932979b4-65c3-4424-8467-0b66ec27bc22")


@pytest.mark.slow
@given(st.lists(st.uuids()), st.lists(st.uuids()))
def test_each_uuid_keeps_its_key_and_strangers_have_none(known, strangers):
    table = UuidTable()
    keys = {uuid: table.intern(uuid.bytes) for uuid in known}
    assert sorted(keys.values()) == list(range(len(set(known))))
    for uuid, key in keys.items():
        assert (table.intern(uuid.bytes), table.key(uuid.bytes)) == (key, key)
        assert (table.raw(key), table.text(key)) == (uuid.bytes, str(uuid))
    for uuid in set(strangers) - set(known):
        assert table.key(uuid.bytes) is None


@pytest.mark.slow
def test_uuids_with_the_same_hash_are_distinguished_while_the_table_grows():
    raws = [number.to_bytes(8, "big") + bytes(8) for number in range(700)]
    table = UuidTable(raws)
    assert [table.key(raw) for raw in raws] == list(range(700))


@given(st.integers(1, 10**6), st.text())
def test_derivation_is_uuid_version_5_under_posthogs_namespace(project, distinct_id):
    surrogates = any(0xD800 <= ord(character) < 0xE000 for character in distinct_id)
    if not surrogates:
        assert derive_uuid(project, distinct_id) == uuid5(NAMESPACE, f"{project}:{distinct_id}").bytes


@given(st.uuids())
def test_every_spelling_that_python_takes_is_taken(uuid):
    for text in (str(uuid), uuid.hex, str(uuid).upper(), f"{{{uuid}}}", uuid.urn):
        assert parse_uuid(text) == uuid.bytes
    assert format_uuid(uuid.bytes) == str(uuid)


@given(st.text(alphabet="0123456789abcdefABCDEF-{} \n", min_size=30, max_size=40))
def test_parsing_agrees_with_python(text):
    try:
        expected = UUID(text).bytes
    except ValueError:
        expected = None
    assert parse_uuid(text) == expected


@pytest.mark.parametrize("text", ["", "user-1", "9c067fd1-35e3-5551-95df-0d2d7be0e2 6f", "x" * 36])
def test_other_texts_have_no_value(text):
    assert parse_uuid(text) is None
