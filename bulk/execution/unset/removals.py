"""Which REST calls remove the properties of one person: one call per property, or one for all of them. Pure.

A server that takes a list of keys removes all of them in one call. An older server refuses the list, or accepts it
without effect, and nothing but a person that is read back tells which server it is (contract 6.8).
"""

from collections.abc import Collection

Keys = tuple[str, ...]


def removals(keys: Keys, *, in_one_call: bool) -> tuple[Keys, ...]:
    """Return the keys that each call for a person removes.

    Arguments:
        keys: the properties that the person still has.
        in_one_call: remove all of them in one call.
    """
    return (keys,) if in_one_call else tuple((key,) for key in keys)


def trial_removals(keys: Keys) -> tuple[Keys, ...]:
    """Return the calls that show whether the server takes a list: the list, and then its first key alone.

    The server applies the changes of a person in order. So once the first key is gone, the list was applied before, or
    it never will be, and the trial need not wait for a change that may only be late.
    """
    return (keys, keys[:1])


def takes_list(keys: Keys, left: Collection[str]) -> bool | None:
    """Return whether the server takes a list of keys, after the calls of a trial; None if it is too early to tell.

    Arguments:
        keys: the keys that were sent.
        left: those of them that the person still has.
    """
    if not left:
        return True
    return False if keys[0] not in left else None


def joined(keys: Keys) -> str:
    """Return the property that an older server may remove in place of a list of keys (contract 6.8)."""
    return ",".join(keys)
