from bulk.targets.rejection_labels import MOST_LABELS, RejectionLabels


def told(labels: RejectionLabels, rejected: bytearray) -> dict[str, list[int]]:
    return {name: [n for n, each in enumerate(marks) if each] for name, marks in labels.split("person", rejected)}


def test_each_target_keeps_the_label_that_it_was_rejected_with() -> None:
    labels = RejectionLabels(5)
    labels.give("person", [(0, 2)], "conflict:409")
    labels.give("person", [(1, 3)], "bad_request:400")
    labels.give("events", [(4, 5)], "conflict:409")
    assert [labels.name("person", n) for n in range(5)] == [
        "rejected:conflict:409",
        "rejected:bad_request:400",
        "rejected:bad_request:400",
        "rejected",
        "rejected",
    ]
    assert labels.name("events", 4) == "rejected:conflict:409"
    assert told(labels, bytearray(b"\1\1\0\1\0")) == {
        "rejected": [3],
        "rejected:conflict:409": [0],
        "rejected:bad_request:400": [1],
    }


def test_labels_beyond_those_that_a_byte_tells_apart_are_called_other() -> None:
    count = MOST_LABELS + 3
    labels = RejectionLabels(count)
    for number in range(count):
        labels.give("person", [(number, number + 1)], str(number))
    assert labels.name("person", MOST_LABELS - 1) == f"rejected:{MOST_LABELS - 1}"
    assert {labels.name("person", n) for n in range(MOST_LABELS, count)} == {"rejected:other"}
    assert sum(map(len, told(labels, bytearray(b"\1" * count)).values())) == count
