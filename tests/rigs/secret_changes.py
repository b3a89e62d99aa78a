"""What an owner does about the PIN and the passkeys of a key, over any way to reach sam."""

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from rigs.web_side import Signer, WebSide, assertion, attestation


def change(web: WebSide, signer: Signer, act: str, by: SoftwareAuthenticator, **given: object) -> p.KeyActDone:
    """Propose and approve an act on secrets; `given` are its wishes, and `secrets` what is sealed to sam."""
    secrets = given.pop("secrets")
    proposed = web.propose_act(signer, act, **given)
    sealed = web.seal(p.HPKE_INFO_CHANGE, proposed.challenge, **secrets)  # type: ignore[arg-type]
    return web.ask(
        p.ApproveKeyAct(act_id=proposed.act_id, assertion=assertion(by, proposed.challenge), sealed_secrets=sealed)
    )


def change_pin(web: WebSide, signer: Signer, new_pin: str) -> p.KeyActDone:
    """Another PIN by the present one."""
    return change(web, signer, "change-pin", signer.device, secrets={"pin": signer.pin, "new_pin": new_pin})


def add_passkey(web: WebSide, signer: Signer) -> tuple[SoftwareAuthenticator, str]:
    """One more passkey: the device, and the recovery code from then on."""
    offer = web.ask(p.OfferPasskey(key_id=signer.key.key_id, user_id=signer.user_id))
    device, code = web.device(), new_recovery_code()
    made = attestation(device, offer.challenge, signer.user_id)
    secrets = {"pin": signer.pin, "recovery_code": code}
    done = change(web, signer, "add-passkey", signer.device, offer_id=offer.offer_id, attestation=made, secrets=secrets)
    assert done.passkey is not None
    assert done.key.passkeys[-1] == done.passkey.credential_id == made.credential_id
    return device, code


def reset_pin(
    web: WebSide, signer: Signer, *, code: str, new_pin: str, new_code: str, by: SoftwareAuthenticator
) -> None:
    """Another PIN by the recovery code `code`."""
    reset = web.ask(p.ProposePINReset(key_id=signer.key.key_id, user_id=signer.user_id))
    secrets = {"recovery_code": code, "new_pin": new_pin, "new_recovery_code": new_code}
    sealed = web.seal(p.HPKE_INFO_PIN_RESET, reset.challenge, **secrets)
    web.ask(p.ApprovePINReset(act_id=reset.act_id, assertion=assertion(by, reset.challenge), sealed_secrets=sealed))


def sign(web: WebSide, signer: Signer, by: SoftwareAuthenticator) -> None:
    """One digest, approved with this passkey and the signer's PIN."""
    wanted = (b"\1" * 32,)
    sad = web.activate(signer, web.instruct(signer, wanted), by=by).sad
    web.sign(sad, wanted)
