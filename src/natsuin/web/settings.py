"""What the web process needs to know of its installation, in the words of this folder."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from natsuin.authentication import SessionLimits
from natsuin.config import Config
from natsuin.mail_server import Sender
from natsuin.notice_settings import NoticesSection
from natsuin.passkeys import RelyingParty
from natsuin.settings import CSCSection
from natsuin.web.limits import WebLimits
from natsuin.web.proxies import TrustedProxies


@dataclass(frozen=True)
class WebSettings:
    """Settings of one web process. Sizes in bytes; the defaults stand in `natsuin.config`."""

    name: str
    origin: str
    rp_id: str
    demo: bool
    log_folder: Path
    max_document_bytes: int
    max_bytes_per_person: int
    session_limits: SessionLimits
    proxies: TrustedProxies
    limits: WebLimits
    notices: NoticesSection
    configuration: Path | None
    """The file that all of this is from."""
    rehearsal_days: int
    csc: CSCSection

    @property
    def host(self) -> str:
        """The only Host header value that is answered: host and, if it is not the scheme's own, port."""
        return urlsplit(self.origin).netloc.lower()

    @property
    def is_https(self) -> bool:
        """Whether people reach the service by TLS, here or at a proxy in front."""
        return self.origin.startswith("https://")

    @property
    def mail_sender(self) -> Sender:
        """Who writes mails."""
        return Sender(self.name, self.origin, self.notices.sender)

    @property
    def party(self) -> RelyingParty:
        """The WebAuthn relying party."""
        return RelyingParty(rp_id=self.rp_id, origin=self.origin, name=self.name)


def settings_of(config: Config, limits: WebLimits | None = None) -> WebSettings:
    """The part of an installation's configuration that the web process uses, and its bounds."""
    return WebSettings(
        name=config.service.name,
        origin=config.service.origin,
        rp_id=config.service.rp_id,
        demo=config.service.demo,
        log_folder=config.sam.log_folder,
        max_document_bytes=config.web.max_document_bytes,
        max_bytes_per_person=config.web.max_bytes_per_person,
        session_limits=SessionLimits(
            absolute=timedelta(seconds=config.web.session_life_seconds),
            idle=timedelta(seconds=config.web.session_idle_seconds),
            fresh=timedelta(seconds=config.web.step_up_seconds),
        ),
        proxies=TrustedProxies(config.web.trusted_proxies),
        limits=limits or WebLimits(),
        notices=config.notices,
        configuration=config.file,
        rehearsal_days=config.keys.rehearsal_days,
        csc=config.csc,
    )
