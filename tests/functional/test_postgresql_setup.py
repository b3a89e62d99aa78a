"""docs/postgresql.md, command by command, on a PostgreSQL server of the test's own with TLS and its own pg_hba.conf."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from natsuin.cli.demo.story import free_port
from natsuin.config import load
from natsuin.storage import open_database
from rigs.document_workshop import sample_pdf
from rigs.other_users import reachable
from rigs.whole_server import WholeServer, sign_document

PAGE = Path(__file__).parents[2] / "docs/postgresql.md"


def blocks(language: str, heading: str) -> list[str]:
    """The blocks of this language below one heading."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)


@dataclass
class Cluster:
    """A PostgreSQL server on the loopback, and the folder that plays /etc/natsuin, in which commands are run."""

    folder: Path
    port: int
    programs: Path
    http_port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def as_owner(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs as the user of the server, which root must not be."""
        become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        command = [*reachable(), *become, str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr + self.words()

    def words(self) -> str:
        file = self.data / "server.log"
        return file.read_text() if file.exists() else ""

    def run(self, *scripts: str, **environment: str) -> dict[str, str]:
        """Run blocks of the page in one shell; answers with the environment that they leave."""
        text = self.here("\n".join(scripts)) + "\nenv -0 > environment"
        path = f"{self.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        server = {"PGHOST": str(self.folder / "socket"), "PGPORT": str(self.port), "PGUSER": "postgres"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **server, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.words()
        found = (self.folder / "environment").read_bytes().split(b"\0")
        return dict(item.decode().split("=", 1) for item in found if item)

    def here(self, text: str) -> str:
        """A part of the page, with this test's names for the page's."""
        names = {
            "db.example.jp/": f"localhost:{self.port}/",
            "db.example.jp": "localhost",
            "/etc/natsuin": str(self.folder),
            "192.0.2.10/32": "127.0.0.1/32",
            "192.0.2.20/32": "127.0.0.1/32",
            "DIR": str(self.folder / "n"),
            "https://sign.example.jp": f"http://localhost:{self.http_port}",
        }
        for theirs, ours in names.items():
            text = text.replace(theirs, ours)
        return text


@pytest.fixture(scope="module")
def cluster(open_folder: Path) -> Iterator[Cluster]:
    # Debian's own, because the one of the other tests was built without TLS.
    programs = max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])).parent
    made = Cluster(open_folder / "pg", free_port(), programs, free_port())
    for part in (made.folder, made.data, made.folder / "socket"):
        part.mkdir()
        if os.geteuid() == 0 and part != made.folder:
            shutil.chown(part, "nobody", "nogroup")
    made.folder.chmod(0o755)  # Whatever the umask is here, the server's user must pass.
    made.as_owner("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata", made.data)
    made.run(*blocks("sh", "The server"))
    for name in ("server.pem", "server.key"):
        shutil.copy(made.folder / name, made.data / name)
        if os.geteuid() == 0:
            shutil.chown(made.data / name, "nobody", "nogroup")
    (settings,) = blocks("ini", "The server")
    settings += (
        f"port = {made.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{made.folder}/socket'\n"
    )
    with (made.data / "postgresql.conf").open("a") as file:
        file.write(settings)
    (rules,) = blocks("conf", "Who may connect")
    (made.data / "pg_hba.conf").write_text("local all postgres trust\n" + made.here(rules))
    made.as_owner("pg_ctl", "start", "--wait", "--pgdata", made.data, "--log", made.data / "server.log")
    yield made
    made.as_owner("pg_ctl", "stop", "--pgdata", made.data, "--mode", "immediate")


@pytest.fixture(scope="module")
def set_up(cluster: Cluster) -> dict[str, str]:
    """The page from roles to configuration; answers with the two addresses."""
    cluster.run(*blocks("sh", "Databases and roles"))
    make, write = blocks("sh", "The installation")
    left = cluster.run(make)
    told = {name: left[name] for name in ("NATSUIN_WEB__DATABASE", "NATSUIN_SAM__DATABASE")}
    after = cluster.run(write, **told)
    assert not set(told) & set(after)
    config = load(cluster.folder / "n/config.toml")
    assert [url for _, url in config.databases] == list(told.values())
    return told


def test_a_signature_a_backup_and_a_restore(cluster: Cluster, set_up: dict[str, str]) -> None:
    folder = cluster.folder / "n"
    config = load(folder / "config.toml")
    cluster.run(f"natsuin officer invite --config {folder}/config.toml --name Officer > invitation")
    token = re.findall(r"#(\S+)", (cluster.folder / "invitation").read_text())[0]
    server = WholeServer(folder, config.service.origin, token).start()
    signer = server.enrol(server.enrol_officer())
    sign_document(signer, sample_pdf())
    assert server.stop() == 0
    dump, restore = blocks("sh", "Backup and restore")
    cluster.run(dump)
    drop = "psql --dbname postgres --quiet --command 'DROP DATABASE {0}' --command 'DROP ROLE {0}'"
    empty = [drop.format(name) for name in ("natsuin_web", "natsuin_sam")]
    cluster.run(*empty, *blocks("sh", "Databases and roles"), restore)
    server.start()
    assert [document["state"] for document in signer.get("/api/documents")["documents"]] == ["signed"]
    sign_document(signer, sample_pdf(), "after.pdf")
    assert server.stop() == 0
    assert not list(folder.rglob("db?.sqlite"))


def test_no_role_reaches_the_others_database(cluster: Cluster, set_up: dict[str, str]) -> None:
    web = set_up["NATSUIN_WEB__DATABASE"]
    with psycopg.connect(web) as connection:
        (encrypted,) = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert encrypted
    password = (cluster.folder / "natsuin_web.pgpass").read_text().strip().rpartition(":")[2]
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        psycopg.connect(web.replace("/natsuin_web?", "/natsuin_sam?"), password=password)
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        psycopg.connect(web.replace("verify-full", "disable"), password=password)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(set_up["NATSUIN_SAM__DATABASE"], password=password, passfile="/dev/null")


def test_another_server_in_its_place_is_not_spoken_to(cluster: Cluster, set_up: dict[str, str], tmp_path: Path) -> None:
    stranger = tmp_path / "ca.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj /CN=other -keyout k -out"
    subprocess.run([*command.split(), str(stranger)], cwd=tmp_path, check=True, capture_output=True)
    address = set_up["NATSUIN_SAM__DATABASE"].replace(str(cluster.folder / "db-ca.pem"), str(stranger))
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(address)


def test_the_page_counts_connections_right(set_up: dict[str, str]) -> None:
    database = open_database(set_up["NATSUIN_WEB__DATABASE"], name="web")
    pools = [engine.pool for engine in {database._writer, database._reader, database._group_engine}]
    most = sum(pool.size() + pool._max_overflow for pool in pools)
    database.close()
    assert f"at most {most} connections" in PAGE.read_text(encoding="utf-8")
