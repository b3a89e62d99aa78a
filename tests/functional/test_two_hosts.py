"""web and sam as real processes over mutual TLS, with certificates made by the commands in docs/operating.md."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.story import free_port
from natsuin.config import ConfigurationRefused, load
from natsuin.errors import Unavailable
from natsuin.sam.protocol import Hello, ServiceInformation
from natsuin.sam.transport import TLSFiles
from rigs import outside_judges
from rigs.asking_sam import ask_sam
from rigs.document_workshop import sample_pdf
from rigs.whole_server import WholeServer, sign_document

OTHER = "other.example.jp"


def blocks(language: str) -> list[str]:
    """The blocks of this language in the part of the page about two hosts."""
    page = (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8")
    part = page.split("**Two hosts.**")[1].split("\n## ")[0]
    # The processes of this test find each other at this name.
    return [
        block.replace("sam.example.jp", "localhost") for block in re.findall(rf"```{language}\n(.*?)```", part, re.S)
    ]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("link")
    (script,) = blocks("sh")
    script = script.replace("localhost web", f"localhost {OTHER} web")
    done = subprocess.run(["bash", "-euc", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    made = WholeServer.make(tmp_path_factory.mktemp("hosts") / "n")
    for folder, name in (("sam", "localhost"), ("web", "web.example.jp")):
        for file in (f"{name}.pem", f"{name}.key", "link.pem"):
            shutil.copy(certificates / file, made.folder / folder / file)
    file = made.folder / "config.toml"
    text = re.sub(r'^address = ".*"$', f'address = "tls:localhost:{free_port()}"', file.read_text(), flags=re.M)
    file.write_text("\n".join([text, *blocks("toml")]))
    made.start()
    yield made
    made.stop()


def test_enrolment_and_signature_over_tls(server: WholeServer, tmp_path: Path) -> None:
    assert not (server.folder / "run" / "sam.sock").exists()
    signer = server.enrol(server.enrol_officer())
    signed, receipt, _ = sign_document(signer, sample_pdf())
    assert "Signature is Valid" in outside_judges.pdfsig(signed, tmp_path, "-no-ocsp", root=None)
    assert receipt.startswith("c2sp.org/tlog-proof@v1")


def test_only_webs_name_is_let_in(server: WholeServer, certificates: Path) -> None:
    """The other certificate is of the right authority, and for another name."""

    def ask(name: str) -> object:
        files = TLSFiles(certificates / f"{name}.pem", certificates / f"{name}.key", certificates / "link.pem")
        return ask_sam(server.config.sam.address, Hello(), tls=files)

    assert isinstance(ask("web.example.jp"), ServiceInformation)
    with pytest.raises(Unavailable):
        ask(OTHER)
    assert "none of the allowed names" in server.errors
    # Nor may sam's own certificate speak for web.
    with pytest.raises(Unavailable):
        ask("localhost")


@pytest.mark.parametrize("names", ["", "names = []"])
def test_sam_needs_the_names_of_those_it_lets_in(server: WholeServer, names: str) -> None:
    file = server.folder / "nameless.toml"
    file.write_text(re.sub(r"^names = .*$", names, (server.folder / "config.toml").read_text(), flags=re.M))
    with pytest.raises(ConfigurationRefused, match="server_tls needs names"):
        load(file)
