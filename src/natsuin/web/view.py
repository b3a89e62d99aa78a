"""What templates may know of the service and of the person who is signed in."""

from dataclasses import dataclass

from natsuin.user_management import Role


@dataclass(frozen=True)
class ServiceView:
    """The service, as every page shows it."""

    name: str
    origin: str
    rp_id: str
    demo: bool


@dataclass(frozen=True)
class Caller:
    """The person who is signed in, and in which roles."""

    user_id: str
    display_name: str
    roles: tuple[str, ...]
    is_signer: bool
    offices: frozenset[str]
    """Values of `Role`, those of officers."""
    is_auditor: bool
    level: int
    signed_in_at: int
    """When the passkey of this session was asked. Milliseconds."""
    session_id: str
    """Names the session to its owner; opens nothing."""

    @property
    def is_registrar(self) -> bool:
        """Registers people."""
        return Role.REGISTRATION_OFFICER in self.offices

    @property
    def is_security_officer(self) -> bool:
        """Decides about keys and about who is an officer."""
        return Role.SECURITY_OFFICER in self.offices

    @property
    def is_administrator(self) -> bool:
        """Runs the service."""
        return Role.SYSTEM_ADMINISTRATOR in self.offices

    @property
    def holds_keys(self) -> bool:
        """Suspends, resumes and revokes people's keys."""
        return self.is_registrar or self.is_security_officer
