"""What templates may know of the service and of the person who is signed in."""

from dataclasses import dataclass


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
    is_officer: bool
    is_auditor: bool
    level: int
    signed_in_at: int
    """When the passkey of this session was asked. Milliseconds."""
    session_id: str
    """Names the session to its owner; opens nothing."""
