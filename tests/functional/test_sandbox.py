"""Any outside application within a minute: a demonstration's `csc.json`, and `natsuin demo approve` in place of the
person."""

import base64
import hashlib
import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from natsuin.authentication.oauth import ASSERTION_TYPE
from natsuin.cli.clients import clients
from natsuin.cli.demo.command import demo
from natsuin.cli.demo.story import sample_contract
from natsuin.cli.sign import sign
from natsuin.cli.verify import verify
from rigs.proofs import Prover

SHA256, SHA256_RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A demonstration that is running."""
    made = tmp_path_factory.mktemp("sandbox") / "d"
    subprocess.run([sys.executable, "-m", "natsuin.cli", "demo", "--out", made], capture_output=True, check=True)
    with (made / "again.log").open("wb") as output:
        command = [sys.executable, "-m", "natsuin.cli", "serve", "--config", made / "config.toml"]
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    origin = json.loads((made / "csc.json").read_text())["oauth2"]
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx2.get(f"{origin}/readyz").status_code == 200:
                break
        except httpx2.HTTPError:
            pass
        assert server.poll() is None, (made / "again.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield made
    server.terminate()
    server.wait(30)


def approved(folder: Path, address: str) -> dict[str, str]:
    """What `natsuin demo approve` prints, as the application receives it."""
    done = CliRunner().invoke(demo, ["approve", address, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return dict(parse_qsl(urlsplit(done.output.strip()).query))


def test_an_outside_application_has_a_hash_signed(folder: Path) -> None:
    told = json.loads((folder / "csc.json").read_text())
    info = httpx2.post(f"{told['v2']}/info", json={}).json()
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(b"made by an outside application").digest()
    asked = {
        "response_type": "code",
        "client_id": told["client_id"],
        "redirect_uri": told["redirect_uri"],
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "state": "s",
        "scope": "credential",
        "credentialID": told["credentialID"],
        "numSignatures": "1",
        "hashes": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "hashAlgorithmOID": SHA256,
    }
    # Twice, because the passkey's counter must go on from one command to the next.
    for _ in range(2):
        answer = approved(folder, f"{info['oauth2']}/oauth2/authorize?{urlencode(asked)}")
        assert answer["state"] == "s"
    token = httpx2.post(
        f"{info['oauth2']}/oauth2/token",
        data={
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": told["redirect_uri"],
            "code_verifier": verifier,
        },
        auth=(told["client_id"], told["client_secret"]),
    ).json()
    headers = {"authorization": f"Bearer {token['access_token']}"}
    credential = httpx2.post(
        f"{told['v2']}/credentials/info", json={"credentialID": told["credentialID"]}, headers=headers
    ).json()
    body = {
        "credentialID": told["credentialID"],
        "hashes": [base64.b64encode(digest).decode()],
        "signAlgo": SHA256_RSA,
        "hashAlgorithmOID": SHA256,
    }
    made = httpx2.post(f"{told['v2']}/signatures/signHash", json=body, headers=headers).json()
    certificate = x509.load_der_x509_certificate(base64.b64decode(credential["cert"]["certificates"][0]))
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(made["signatures"][0]), digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


def answer_twice(folder: Path, running: "subprocess.Popen[str]") -> None:
    """Play the browser for each address that `natsuin sign` prints."""
    assert running.stderr is not None
    answered = 0
    while answered < 2:
        line = running.stderr.readline()
        assert line, "it ended before it had asked twice"
        if line.startswith("http"):
            done = CliRunner().invoke(demo, ["approve", line.strip(), "--out", str(folder)])
            assert done.exit_code == 0, done.output
            # Somebody else who comes to the listener, without its state, changes nothing.
            address = urlsplit(done.output.strip())
            assert httpx2.get(address._replace(query="code=stolen&state=guessed").geturl()).status_code == 200
            assert httpx2.get(done.output.strip()).status_code == 200
            answered += 1


def test_natsuin_sign_has_a_pdf_signed(folder: Path, tmp_path: Path) -> None:
    file = shutil.copy(sample_contract(), tmp_path / "contract.pdf")
    origin = json.loads((folder / "csc.json").read_text())["oauth2"]
    command = [sys.executable, "-m", "natsuin.cli", "sign", file, "--server", origin, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        answer_twice(folder, running)
        told, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    assert "signed by 山田 太郎" in told
    arguments = [str(tmp_path / "contract-signed.pdf"), "--trust", str(folder / "ca.pem"), "--json"]
    judged = CliRunner().invoke(verify, arguments)
    [signature] = json.loads(judged.output)["signatures"]
    assert signature["level"] == "B-T"
    for name in ("integrity", "coverage", "trust", "time"):
        assert signature[name]["status"] == "good", name
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2, "it never writes over a file"


def test_natsuin_sign_speaks_only_to_services_it_can_trust(tmp_path: Path) -> None:
    file = shutil.copy(sample_contract(), tmp_path / "contract.pdf")
    for server in ("http://sign.example.jp", "ftp://sign.example.jp", "sign.example.jp"):
        refused = CliRunner().invoke(sign, [str(file), "--server", server])
        assert "https" in str(refused.exception)


def test_approving_goes_nowhere_else(folder: Path) -> None:
    """The demo signer's passkey answers this demonstration and nobody else."""
    refused = CliRunner().invoke(demo, ["approve", "https://elsewhere.example/oauth2/authorize", "--out", str(folder)])
    assert refused.exit_code != 0
    assert "not one of this demonstration" in str(refused.exception)


def test_what_opens_the_demonstration_is_for_its_owner_alone(folder: Path) -> None:
    for name in ("csc.json", "signer.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_applications_are_registered_and_stopped_on_the_host(folder: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(clients, [words[0], "--config", str(folder / "config.toml"), *words[1:]])
        assert done.exit_code == 0, done.output
        return done.output

    made = json.loads(run("add", "--name", "Archive", "--redirect", "https://archive.example/back", "--json"))
    told = json.loads((folder / "csc.json").read_text())
    asked = urlencode({"client_id": made["client_id"], "redirect_uri": "https://archive.example/back", "state": "x"})
    address = f"{told['oauth2']}/oauth2/authorize?{asked}"
    assert httpx2.get(address).headers["location"].startswith("https://archive.example/back?error=")
    run("stop", made["client_id"])
    assert httpx2.get(address).status_code == 400
    listed = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert {one["client_id"]: one["state"] for one in listed}[made["client_id"]] == "stopped"
    assert made["client_secret"] not in run("list", "--json")
    run("resume", made["client_id"])
    run("remove", made["client_id"])
    assert made["client_id"] not in run("list")


def test_a_redirect_to_anywhere_is_not_registered(folder: Path) -> None:
    for uri in ("http://app.example/back", "javascript:alert(1)", "https://app.example/back#x", "https://u@a.example/"):
        arguments = ["add", "--config", str(folder / "config.toml"), "--name", "Bad", "--redirect", uri]
        assert CliRunner().invoke(clients, arguments).exit_code != 0, uri


def test_an_application_is_registered_with_its_public_keys(folder: Path, tmp_path: Path) -> None:
    key, keys = Prover(), tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key.jwk]}))
    words = ["add", "--config", str(folder / "config.toml"), "--name", "Keyed", "--redirect", "https://k.example/back"]
    done = CliRunner().invoke(clients, [*words, "--keys", str(keys), "--json"])
    made = json.loads(done.output)
    assert made.keys() == {"client_id"}
    issuer = json.loads((folder / "csc.json").read_text())["oauth2"]
    claims = {"iss": made["client_id"], "sub": made["client_id"], "aud": issuer, "exp": time.time() + 60, "jti": "one"}
    asked = {
        "response_type": "code",
        "redirect_uri": "https://k.example/back",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": key.signed('{"alg":"ES256"}', json.dumps(claims)),
    }
    answer = httpx2.post(f"{issuer}/oauth2/pushed_authorize", data=asked)
    assert answer.status_code == 201, answer.text
    keys.write_text("no JSON")
    assert "cannot be read as JSON" in CliRunner().invoke(clients, [*words, "--keys", str(keys)]).output
