"""Why an invitation does not open: each reason has its own next step, so each is its own refusal."""

from natsuin.errors import AlreadyUsed, Conflict, Expired, NotFound


class InvitationUnknown(NotFound):
    """There is no invitation with this token."""

    code = "invitation_unknown"


class InvitationUsed(AlreadyUsed):
    """Somebody enrolled with this invitation."""

    code = "invitation_used"


class InvitationExpired(Expired):
    """The time of this invitation is over."""

    code = "invitation_expired"


class InvitationWithdrawn(Conflict):
    """An officer took this invitation back."""

    code = "invitation_withdrawn"


def unknown() -> InvitationUnknown:
    """The refusal of a token that was never given out."""
    return InvitationUnknown(
        "this service made no such invitation",
        hint="Open the link again exactly as you were given it, or ask its sender for a new one.",
    )


def used() -> InvitationUsed:
    """The refusal of a token that was used. Only who holds all of its 256 random bits learns so."""
    return InvitationUsed(
        "this invitation was used: somebody enrolled with it",
        hint="If that was you, sign in with your passkey. If not, tell the sender of the link at once.",
    )


def withdrawn() -> InvitationWithdrawn:
    """The refusal of a token that an officer took back."""
    return InvitationWithdrawn("this invitation was withdrawn", hint="Ask the sender of the link why.")


def expired() -> InvitationExpired:
    """The refusal of a token whose time is over."""
    return InvitationExpired("the time of this invitation is over", hint="Ask the sender of the link for a new one.")
