"""The section [notices] of the configuration: how people are told what happens to their passkeys and keys."""

from typing import Annotated

from pydantic import AfterValidator, model_validator

from natsuin.settings import MailSection, SecretSource
from natsuin.webhooks import private_webhook_url


class NoticesSection(MailSection):
    """By mail, and by a webhook to a system of the operator's that tells them in another way. Without either nobody is
    told."""

    webhook: Annotated[str, AfterValidator(private_webhook_url)] | None = None
    webhook_secret: SecretSource | None = None
    """The first line counts: what those messages are signed with."""
    of_use: bool = True
    """Whether people are told of each use of their keys, too, unless they do not wish it."""

    @model_validator(mode="after")
    def _check_webhook(self) -> "NoticesSection":
        if (self.webhook is None) != (self.webhook_secret is None):
            raise ValueError("write both webhook and webhook_secret, or neither of the two")
        return self
