"""A person who lost every passkey gets a new one, and nobody else can.

Two registration officers, who identified the person anew, approve; then a waiting period runs by sam's clock, in which
the person or any officer may cancel; then the person opens a one-time link, makes a new passkey and proves the PIN or
the recovery code. A key whose secret is not proved is destroyed: nobody, not all officers together, gains its use.

    Replacements    propose, approve, cancel, list
    Completions     the person's own step, behind the one-time link

`states.py` is the state machine; every move is an entry in the signing log before it is a row.
"""

from natsuin.key_management.lost_passkey.completion import Completions
from natsuin.key_management.lost_passkey.replacements import Replacements
from natsuin.key_management.lost_passkey.states import completed_since, make_good, postpone_waiting

__all__ = ["Completions", "Replacements", "completed_since", "make_good", "postpone_waiting"]
