"""PostHog's rate limits as numbers, per bucket and kind of key (contract 3). Pure."""

import re
from enum import StrEnum

import msgspec

from asyncclient._secret import Secret
from asyncclient.errors import InvalidArgument

MINUTE_S = 60.0
HOUR_S = 3600.0
DOCUMENTED_PER_HOUR = 1200
"""The hourly limit that the documentation has and the source has not (contract 3)."""
PER_USER_PER_MINUTE = 180
PER_USER_PER_HOUR = 1200

_RATE = re.compile(r"([0-9]{1,300})/(minute|min|m|hour|h)")
_PARTS = (
    ("deletes_per_minute", "min"),
    ("deletes_per_hour", "hour"),
    ("others_per_minute", "min"),
    ("others_per_hour", "hour"),
    ("default_per_minute", "min"),
    ("default_per_hour", "hour"),
    ("previews_per_minute", "min"),
    ("previews_per_hour", "hour"),
    ("submissions_per_hour", "hour"),
)
"""The fields in the order of the text, with the unit of each."""
_REQUIRED_PARTS = 3
_OFF, _PER_USER = "off", "per-user"


class Bucket(StrEnum):
    """The rate limit that a request counts in (contract 3)."""

    DELETES = "deletes"
    OTHERS = "others"
    DEFAULT = "default"
    PREVIEWS = "previews"
    """Previews of data deletion requests, which PostHog limits per project (contract 13)."""
    SUBMISSIONS = "submissions"
    """Creations of data deletion requests, limited per project too."""
    CAPTURE = "capture"
    """Not rate limited; the client still pauses if the server asks for it (contract 12)."""


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Allowed requests per window, by default PostHog's limits per personal API key; None is unlimited (contract 3).

    Arguments:
        deletes_per_minute, deletes_per_hour: calls that delete persons, events or recordings.
        others_per_minute, others_per_hour: all other persons calls, and queries.
        default_per_minute, default_per_hour: projects, persisted folders, and deleting recordings by ID.
        previews_per_minute, previews_per_hour, submissions_per_hour: previews and creations of data deletion requests,
            which PostHog limits per project.
        per_user: whether deletions and the other persons calls count together, as they do for a user.

    Raises:
        InvalidArgument: a number is not a whole number of at least 1, or `per_user` does not fit the numbers.
    """

    deletes_per_minute: int | None = 480
    deletes_per_hour: int | None = 4800
    others_per_minute: int | None = 240
    others_per_hour: int | None = None
    default_per_minute: int | None = 480
    default_per_hour: int | None = 4800
    previews_per_minute: int | None = 5
    previews_per_hour: int | None = 30
    submissions_per_hour: int | None = 10
    per_user: bool = False

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name == "per_user":
                if not isinstance(value, bool):
                    raise InvalidArgument(f"per_user {value!r} is neither True nor False")
            elif value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidArgument(f"{name} {value!r} is not a whole number of at least 1")
        if self.per_user and self.windows(Bucket.DELETES) != self.windows(Bucket.OTHERS):
            raise InvalidArgument("per_user limits count all persons calls together: give deletes and others the same")

    @classmethod
    def posthog(cls) -> "RateLimits":
        """Return the limits that PostHog enforces per personal API key."""
        return cls()

    @classmethod
    def user(cls) -> "RateLimits":
        """Return the limits per user, for OAuth access tokens and sessions: 180 per minute and 1,200 per hour."""
        return cls(
            deletes_per_minute=PER_USER_PER_MINUTE,
            deletes_per_hour=PER_USER_PER_HOUR,
            others_per_minute=PER_USER_PER_MINUTE,
            others_per_hour=PER_USER_PER_HOUR,
            per_user=True,
        )

    @classmethod
    def for_key(cls, key: Secret) -> "RateLimits":
        """Return the limits for this kind of key: an OAuth access token (pha_) has the limits of its user.

        Arguments:
            key: the personal API key or access token.
        """
        return cls.user() if key.reveal().startswith("pha_") else cls.posthog()

    @classmethod
    def off(cls) -> "RateLimits":
        """Return no limits, as most self-hosted servers have none."""
        return cls(
            deletes_per_minute=None,
            deletes_per_hour=None,
            others_per_minute=None,
            default_per_minute=None,
            default_per_hour=None,
            previews_per_minute=None,
            previews_per_hour=None,
            submissions_per_hour=None,
        )

    @classmethod
    def parse(cls, text: str) -> "RateLimits":
        """Read "posthog", "user", "off" or DELETES,HOURLY,OTHERS such as "480/min,4800/hour,240/min".

        A fourth part such as ",1200/hour" is the hourly limit of the others; a fifth and a sixth are the limits of
        projects and folders, per minute and per hour; three more limit previews, per minute and per hour, and the
        creation of data deletion requests, per hour. A part can be "off": unlimited. A last part "per-user" is the
        argument `per_user`. `str` of any limits can be read.

        Arguments:
            text: a name, or requests per unit.

        Raises:
            InvalidArgument: the text is none of these.
        """
        named = {"posthog": cls.posthog, "user": cls.user, _OFF: cls.off}.get(text)
        if named is not None:
            return named()
        parts = [part.strip() for part in text.split(",")]
        if per_user := parts[-1] == _PER_USER:
            parts.pop()
        if not _REQUIRED_PARTS <= len(parts) <= len(_PARTS):
            raise _unreadable(text)
        limits = {}
        for part, (field, unit) in zip(parts, _PARTS, strict=False):
            match = _RATE.fullmatch(part)
            if part != _OFF and (match is None or match[2][0] != unit[0]):
                raise _unreadable(text)
            limits[field] = int(match[1]) if match else None
        return cls(**limits, per_user=per_user)

    def __str__(self) -> str:
        for name, named in (("off", RateLimits.off()), ("posthog", RateLimits.posthog()), ("user", RateLimits.user())):
            if self == named:
                return name
        usual = RateLimits()
        parts: list[str] = []
        for number, (field, unit) in reversed(list(enumerate(_PARTS))):
            value = getattr(self, field)
            if parts or number < _REQUIRED_PARTS or value != getattr(usual, field):
                parts.insert(0, _OFF if value is None else f"{value}/{unit}")
        return ",".join([*parts, _PER_USER] if self.per_user else parts)

    def windows(self, bucket: Bucket) -> dict[float, int]:
        """Return the windows of a bucket: allowed requests, by the length of the window in seconds.

        Arguments:
            bucket: which limit.
        """
        found = {
            Bucket.DELETES: {MINUTE_S: self.deletes_per_minute, HOUR_S: self.deletes_per_hour},
            Bucket.OTHERS: {MINUTE_S: self.others_per_minute, HOUR_S: self.others_per_hour},
            Bucket.DEFAULT: {MINUTE_S: self.default_per_minute, HOUR_S: self.default_per_hour},
            Bucket.PREVIEWS: {MINUTE_S: self.previews_per_minute, HOUR_S: self.previews_per_hour},
            Bucket.SUBMISSIONS: {HOUR_S: self.submissions_per_hour},
            Bucket.CAPTURE: {},
        }[bucket]
        return {window_s: limit for window_s, limit in found.items() if limit is not None}


def _unreadable(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"rate limits {text!r} are neither posthog, user, off, nor of the form 480/min,4800/hour,240/min, "
        "where each part can be off"
    )
