"""The section [ca] of the configuration: who certifies signers, and what the built-in certification authority does."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from natsuin.settings import FilePath, SecretSource, Section
from natsuin.webhooks import private_webhook_url

Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\P{C}+$")]
"""What stands in certificates and on pages: not empty, and short."""


class CertificationSection(Section):
    """Who certifies signers, and the built-in certification authority."""

    signers: Literal["built-in", "outside"] = "built-in"
    """`outside`: a new key waits, with its request, until an officer installs the certificate of another authority."""
    outside_anchors: FilePath | None = None
    """PEM: the trust anchors of the authorities whose certificates may be installed."""
    outside_webhook: Annotated[str, AfterValidator(private_webhook_url)] | None = None
    """Where sam tells of each revoked certificate of an outside authority."""
    outside_webhook_secret: SecretSource | None = None
    """The first line counts: what those messages are signed with."""
    organization: Text = "Natsuin"
    country: str = Field(default="JP", pattern=r"^[A-Z]{2}$")
    policy_oid: str = Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")
    """The rules under which signers' certificates are issued."""
    practice_statement_url: str = ""
    """Where those rules can be read. Default: the service's own page of limits."""
    root_days: int = Field(default=7300, ge=365, le=10_950)
    issuing_days: int = Field(default=3650, ge=180, le=7300)
    signer_days: int = Field(default=730, ge=1, le=1825)
    one_time_minutes: int = Field(default=10, ge=5, le=60)
    """Life of the certificate of a key that is made for one instruction."""
    time_stamp_days: int = Field(default=1825, ge=30, le=3650)
    responder_days: int = Field(default=30, ge=1, le=90)
    crl_days: int = Field(default=7, ge=1, le=90)

    @model_validator(mode="after")
    def _check_outside(self) -> "CertificationSection":
        if self.signers == "outside" and self.outside_anchors is None:
            raise ValueError('signers = "outside" needs outside_anchors, the authorities that are accepted')
        if (self.outside_webhook is None) != (self.outside_webhook_secret is None):
            raise ValueError("write both outside_webhook and outside_webhook_secret, or neither of the two")
        return self
