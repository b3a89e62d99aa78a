"""Notices: what people must hear of by another way than this service's own pages.

    ReplacementNotices   what happens to lost passkeys, told also on every page of the person
    KeyNotices           what happens to keys: use, refusals, changes, as the signing log has it
    Outbox               notices that wait in DB-1 until a mail server or the operator's system took them
    Telling              all of that together

Nothing secret is ever in a notice: no link that does anything, no token, no PIN.
"""

from natsuin.mail_server import MailImpossible, MailServer
from natsuin.web.notices.channels import MailChannel, WebhookChannel
from natsuin.web.notices.choices import choose
from natsuin.web.notices.key_notices import KeyNotices
from natsuin.web.notices.outbox import Outbox
from natsuin.web.notices.replacement_notices import ReplacementNotices
from natsuin.web.notices.telling import Telling, make_telling
from natsuin.web.notices.wording import address_of

__all__ = [
    "KeyNotices",
    "MailChannel",
    "MailImpossible",
    "MailServer",
    "Outbox",
    "ReplacementNotices",
    "Telling",
    "WebhookChannel",
    "address_of",
    "choose",
    "make_telling",
]
