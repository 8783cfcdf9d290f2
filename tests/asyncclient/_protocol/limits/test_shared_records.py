"""The bytes of a limits file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncclient import Bucket
from asyncclient._protocol.limits.shared_records import (
    DamagedRecords,
    LimitRecord,
    LimitsHeader,
    RecordKind,
    hash_key,
    pack_record,
    unpack_records,
)

TIMES = st.floats(0, 1e9)
RECORDS = st.builds(
    LimitRecord,
    st.sampled_from(RecordKind),
    st.sampled_from(Bucket),
    TIMES,
    TIMES,
    st.integers(0, 2**32 - 1),
    st.integers(0, 999),
    st.integers(0, 2**32 - 1),
)


@pytest.mark.slow
@given(st.lists(RECORDS))
def test_records_are_read_as_they_were_written(records: list[LimitRecord]) -> None:
    data = b"".join(map(pack_record, records))
    assert len(data) == 32 * len(records)
    assert unpack_records(data) == records


@pytest.mark.slow
@given(st.lists(RECORDS, min_size=1), st.data())
def test_a_changed_bit_is_found_in_its_record(records: list[LimitRecord], data: st.DataObject) -> None:
    packed = bytearray(b"".join(map(pack_record, records)))
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedRecords) as damage:
        unpack_records(bytes(packed))
    assert damage.value.number == bit // 256
    assert damage.value.before == records[: bit // 256]


@given(st.binary(max_size=200))
def test_other_bytes_are_neither_a_header_nor_records(data: bytes) -> None:
    assert LimitsHeader.parse(data) is None
    if data:
        with pytest.raises(DamagedRecords):
            unpack_records(data)


def test_a_key_is_recognized_only_with_the_salt_of_its_file() -> None:
    assert hash_key("phx_a", b"1" * 16) == hash_key("phx_a", b"1" * 16)
    assert len({hash_key(key, salt) for key in ("phx_a", "phx_b") for salt in (b"1" * 16, b"2" * 16)}) == 4
