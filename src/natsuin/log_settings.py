"""The section [log] of the configuration: what is set about the signing log."""

from pydantic import Field

from natsuin.settings import Section


class RetentionSection(Section):
    """How long it can be told what the log's entries commit to."""

    years: int = Field(default=7, ge=1, le=100)
    """From the end of the certificate on. ETSI TS 119 431-1, OVR-6.4.6-01 wants seven at least."""


class LogSection(Section):
    """The signing log."""

    retention: RetentionSection = RetentionSection()
