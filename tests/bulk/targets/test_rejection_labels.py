from bulk.targets.rejection_labels import MAX_LABELS, RejectionLabels


def told(labels: RejectionLabels, rejected: bytearray) -> dict[str, list[int]]:
    return {name: [n for n, each in enumerate(marks) if each] for name, marks in labels.split("person", rejected)}


def test_each_target_keeps_its_rejection_label() -> None:
    labels = RejectionLabels(5)
    labels.set_label("person", [(0, 2)], "conflict:409")
    labels.set_label("person", [(1, 3)], "bad_request:400")
    labels.set_label("events", [(4, 5)], "conflict:409")
    assert [labels.reason_for("person", n) for n in range(5)] == [
        "rejected:conflict:409",
        "rejected:bad_request:400",
        "rejected:bad_request:400",
        "rejected",
        "rejected",
    ]
    assert labels.reason_for("events", 4) == "rejected:conflict:409"
    assert told(labels, bytearray(b"\1\1\0\1\0")) == {
        "rejected": [3],
        "rejected:conflict:409": [0],
        "rejected:bad_request:400": [1],
    }


def test_labels_after_the_254th_are_called_other() -> None:
    count = MAX_LABELS + 3
    labels = RejectionLabels(count)
    for number in range(count):
        labels.set_label("person", [(number, number + 1)], str(number))
    assert labels.reason_for("person", MAX_LABELS - 1) == f"rejected:{MAX_LABELS - 1}"
    assert {labels.reason_for("person", n) for n in range(MAX_LABELS, count)} == {"rejected:other"}
    assert sum(map(len, told(labels, bytearray(b"\1" * count)).values())) == count
