"""What web learns of the signing log: for a person who asks about their own keys, and for notices to people. The list
of every message is in `natsuin.sam.protocol`.
"""

import msgspec

from natsuin.sam.message_pieces import Message


class ListEvents(Message, frozen=True, kw_only=True):
    """What the signing log tells about one account and its keys: the newest events before entry `before`."""

    user_id: str
    before: int = 0
    """0: the newest of all."""
    limit: int = 50


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the signing log. Fields that this kind of entry does not have, or whose opening was erased, are
    empty."""

    index: int
    time: int
    kind: str
    key_id: str = ""
    reason: str = ""
    result: str = ""
    instruction_id: str = ""
    secret: str = ""
    """Which secret was wrong, of those the key has."""
    tries_left: int = -1


class Events(Message, frozen=True, kw_only=True):
    """Newest first; `more` if there are older ones."""

    events: tuple[Event, ...]
    more: bool


class ListNews(Message, frozen=True, kw_only=True):
    """What happened to people's keys from entry `since` of the signing log on, so that web can tell their owners."""

    since: int
    limit: int = 500
    """So many entries are read, of every kind."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One entry about a person's key, as in `Event`, and whose key it is."""

    event: Event
    user_id: str
    one_time: bool = False
    """Whether the key was made for one instruction."""


class NewsPage(Message, frozen=True, kw_only=True):
    """Oldest first. `reached` is where to go on, and `size` how many entries the log has."""

    news: tuple[News, ...]
    reached: int
    size: int
