"""Notices by mail: what people must hear of by another way than this service's own pages.

    ReplacementNotices   what happens to lost passkeys, put into the outbox and told on every page of the person
    Outbox               mails that wait in DB-1 until a mail server took them
    MailServer           the server of `[notices]`, spoken to with the standard library's client

Nothing secret is ever in a mail: no link that does anything, no token, no PIN.
"""

from natsuin.mail_server import MailImpossible, MailServer
from natsuin.web.notices.outbox import Outbox
from natsuin.web.notices.replacement_notices import ReplacementNotices
from natsuin.web.notices.wording import address_of

__all__ = ["MailImpossible", "MailServer", "Outbox", "ReplacementNotices", "address_of"]
