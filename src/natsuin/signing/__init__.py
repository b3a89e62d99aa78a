"""③ 署名 with 鍵認可: from a sign instruction to a released signature. Start reading at `natsuin.signing.sign`.

    Instructing     1 stores the sign instruction and makes the record that is approved
    Activation      3, 4 verifies passkey and PIN, answers with the single-use SAD
    SigningLine     5 carries requests along `SigningPath`, the numbered steps of one signature
    close_unfinished    closes at start what a crash left open
    EvidenceRoom    tells what was approved, how, and what the log says

Nothing here trusts web: every check uses what sam itself recorded.
"""

from natsuin.signing.activation import Activation
from natsuin.signing.evidence import EvidenceRoom
from natsuin.signing.instructing import Instructing, cancel_approvals, cancel_every_approval
from natsuin.signing.key_workers import KeyWorkers
from natsuin.signing.last_use import LastUse
from natsuin.signing.line import SigningLine
from natsuin.signing.one_time import destroy_one_time_keys
from natsuin.signing.recovery import Closed, close_unfinished, mark_put_back, note_all_closed
from natsuin.signing.reservation import NotApproved, Reservations
from natsuin.signing.sign import SigningPath, SignRequest

__all__ = [
    "Activation",
    "Closed",
    "EvidenceRoom",
    "Instructing",
    "KeyWorkers",
    "LastUse",
    "NotApproved",
    "Reservations",
    "SignRequest",
    "SigningLine",
    "SigningPath",
    "cancel_approvals",
    "cancel_every_approval",
    "close_unfinished",
    "destroy_one_time_keys",
    "mark_put_back",
    "note_all_closed",
]
