"""Refusals of sign-in. Every failed sign-in looks the same from outside: which part failed is nobody's business."""

from natsuin.errors import Busy, Forbidden, Unauthenticated


class SignInFailed(Unauthenticated):
    """The assertion proves no known passkey. One message for an unknown passkey, a bad signature and a spent
    challenge."""

    code = "sign_in_failed"


class StepUpRequired(Forbidden):
    """The session is good, but its passkey was asked too long ago for this act."""

    code = "step_up_required"


class TooManyAttempts(Busy):
    """This source has tried too often; `retry_after` is the number of seconds to wait."""

    code = "too_many_attempts"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"too many attempts from this address; wait {retry_after} seconds")
        self.retry_after = retry_after
