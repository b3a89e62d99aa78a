"""Who is told what."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from natsuin.monitor.settings import MonitorSettings, least
from natsuin.monitor.severity import Severity

OUTPUT: Final = "output"


@dataclass(frozen=True)
class Receiver:
    """`output`, `webhook:NAME` or `mail:ADDRESS`: gets alarms from `least` on (None: none), and those about `keys`."""

    name: str
    least: Severity | None = None
    keys: frozenset[str] = frozenset()

    def wants(self, kind: str, severity: Severity, subject: str) -> bool:
        """Whether it is told of such an alarm."""
        if kind == "watched-key" and self.keys:
            return subject in self.keys
        return self.least is not None and severity >= self.least


def receivers_of(settings: MonitorSettings) -> tuple[Receiver, ...]:
    """Everybody, each once. The standard output gets everything."""
    wanted: dict[str, Severity | None] = {OUTPUT: Severity.NOTICE}
    wanted |= {f"webhook:{webhook.name}": least(webhook.least) for webhook in settings.webhook}
    wanted |= {f"mail:{address}": least(settings.mail.least) for address in settings.mail.to}
    keys: dict[str, set[str]] = {}
    for watch in settings.watch:
        for name in (*(f"mail:{address}" for address in watch.mail), *(f"webhook:{hook}" for hook in watch.webhooks)):
            wanted.setdefault(name, None)
            keys.setdefault(name, set()).add(watch.key)
    return tuple(Receiver(name, first, frozenset(keys.get(name, ()))) for name, first in wanted.items())


def told(receivers: Iterable[Receiver], kind: str, severity: Severity, subject: str) -> list[str]:
    """The names of those who are told of such an alarm."""
    return [receiver.name for receiver in receivers if receiver.wants(kind, severity, subject)]
