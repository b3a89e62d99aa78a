"""利用者認証, user authentication: who is asking.

A person signs in to the portal with a passkey (Web Authentication Level 3) whose authenticator verified them, and gets
a session: a cookie of 256 random bits of which only the hash is stored, ended by sign-out or when the configuration's
`SessionLimits` say so. Signing in opens the portal and nothing else. The right to use a signing key is a second gate
that stands in sam, is proved anew for every instruction, and does not read anything kept here (design, section 2).

What may be relied on:

- `Login.challenge` and `Login.finish` are the two halves of a sign-in. A challenge costs nothing to give out, and is
  spent by the first good answer to it.
- `Sessions` opens, finds and closes sessions. `recall` never blocks and is for busy routes; what it may miss is a
  closing by another process less than two seconds ago.
- `Throttle` bounds in memory how often a source may try, `SignInLimits` in the database how often sign-in may fail.
  Counters that protect secrets are not here but in sam.
- Failures to sign in are all the same `SignInFailed`.
"""

from natsuin.authentication.challenges import CHALLENGE_LIFE_SECONDS, Challenges
from natsuin.authentication.errors import SignInFailed, StepUpRequired, TooManyAttempts
from natsuin.authentication.login import Login
from natsuin.authentication.passkeys import (
    KeptPasskey,
    keep_passkey,
    name_passkey,
    passkeys_of,
    remove_passkeys,
    transports_of,
)
from natsuin.authentication.sessions import PASSKEY_LEVEL, OpenSession, Origin, Session, SessionLimits, Sessions
from natsuin.authentication.sign_in_limits import SignInLimits
from natsuin.authentication.throttling import Throttle, source_of

__all__ = [
    "CHALLENGE_LIFE_SECONDS",
    "PASSKEY_LEVEL",
    "Challenges",
    "KeptPasskey",
    "Login",
    "OpenSession",
    "Origin",
    "Session",
    "SessionLimits",
    "Sessions",
    "SignInFailed",
    "SignInLimits",
    "StepUpRequired",
    "Throttle",
    "TooManyAttempts",
    "keep_passkey",
    "name_passkey",
    "passkeys_of",
    "remove_passkeys",
    "source_of",
    "transports_of",
]
