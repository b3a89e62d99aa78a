"""A sam that takes in keys, with an authority, an officer and a signer."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.key_envelopes import ImportingAuthority, key_file, secret_of
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, assertion


class Importing:
    """A sam that takes keys from `authority`, an officer, and a signer who has a key."""

    def __init__(self, rig: SamRig, authority: ImportingAuthority) -> None:
        self.rig, self.authority = rig, authority
        self.officer, self.signer = people(rig.web, rig.token)

    def envelope(self, key: Any = None, certificate: x509.Certificate | None = None, **wishes: Any) -> bytes:
        """An envelope with a genuine key, but for what is wished otherwise."""
        by = wishes.pop("by", self.authority)
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = certificate or self.authority.certify(key.public_key())
        secret = wishes.pop("secret", None) or secret_of(key_file(key, certificate))
        info = self.rig.web.info
        import_key = wishes.pop("import_key", info.import_key)
        told = {"origin": info.origin, "log": info.log_vkey, "user": self.signer.user_id, **wishes}
        return by.sign(by.content(by.header(**told), secret, import_key))

    def propose(self, envelope: bytes, **wishes: Any) -> p.Act:
        told = {"officer_id": self.officer.user_id, "user_id": self.signer.user_id, "key_id": self.signer.key.key_id}
        return self.rig.ask(p.ProposeKeyImport(envelope=envelope, **{**told, **wishes}))

    def officer_approves(self, act: p.Act, by: Officer | None = None) -> p.KeyImportStep:
        device = (by or self.officer).device
        return self.rig.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(device, act.challenge)))

    def owner_approves(self, act: p.Act, *, pin: str = "", by: Signer | None = None) -> p.KeyImportStep:
        web = self.rig.web
        code = new_recovery_code()
        sealed = web.seal(p.HPKE_INFO_IMPORT, act.challenge, pin=pin or self.signer.pin, recovery_code=code)
        device = (by or self.signer).device
        return self.rig.ask(
            p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(device, act.challenge), sealed_secrets=sealed)
        )

    def take_in(self, envelope: bytes) -> p.KeyInformation:
        act = self.propose(envelope)
        assert self.officer_approves(act).waiting_for == (self.signer.user_id,)
        key = self.owner_approves(act).key
        assert key is not None
        return key

    def refused(self, error: type[errors.NatsuinError], envelope: bytes, match: str = ".", **wishes: Any) -> None:
        with pytest.raises(error, match=match):
            self.propose(envelope, **wishes)


def told_since(rig: SamRig, size: int) -> list[dict[str, Any]]:
    """The entries of the log from index `size`."""
    return [msgspec.json.decode(leaf) for _, leaf in rig.sam.log.entries(size)]


def switch_on(rig: SamRig, authority: ImportingAuthority, folder: Path) -> None:
    rig.sam.close()
    file = folder / "authorities.pem"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    keys = rig.config.keys.model_copy(update={"import_from": file})
    rig.config = rig.config.model_copy(update={"keys": keys})
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)
