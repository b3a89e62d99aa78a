"""What no committed file may hold: places of one machine, registries' addresses, private keys."""

import re

OWN = "tests/architecture/test_repository.py"

MACHINE_PLACES = re.compile(r"(?<![\w.:/}])(?:/work/|/root/|/home/\w|/Users/\w|/opt/wheels|/tmp/\w)")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted|npmjs\.(?:org|com)|crates\.io|proxy\.golang|sum\.golang|deb\.debian|repo1\.maven|unpkg|jsdelivr|cdnjs"
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}")

PLACES_ALLOWED: dict[str, str] = {}
"""File -> the reason why it may name such a place."""


def texts(repository_files, root):
    """Name and text of each committed text file."""
    for path in repository_files:
        name = path.relative_to(root).as_posix()
        content = path.read_bytes()
        if name != OWN and b"\0" not in content[:8000]:
            yield name, content.decode("utf-8", errors="replace")


def findings(pattern, repository_files, root):
    """Where `pattern` occurs."""
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}"
        for name, text in texts(repository_files, root)
        for match in pattern.finditer(text)
    ]


def test_no_file_names_a_place_of_one_machine(repository_files, root):
    """What works only in one folder of one machine does not work."""
    found = [
        line for line in findings(MACHINE_PLACES, repository_files, root) if line.split(":")[0] not in PLACES_ALLOWED
    ]
    assert not found, "\n".join(found)


def test_no_file_names_a_registry(repository_files, root):
    """Packages come from the index that a machine is set to; pages load nothing from elsewhere."""
    found = findings(REGISTRIES, repository_files, root)
    assert not found, "\n".join(found)


def test_no_private_key_is_committed(repository_files, root):
    """Tests make their keys when they run."""
    found = findings(PRIVATE_KEY, repository_files, root)
    assert not found, "\n".join(found)


def test_nothing_large_is_committed(repository_files, root):
    """A repository that everyone clones holds sources, not results; two megabytes are enough for any example."""
    large = [path.relative_to(root).as_posix() for path in repository_files if path.stat().st_size > 2_000_000]
    assert large == []


def test_the_patterns_find_what_they_are_for():
    """Each pattern on a sample."""
    assert MACHINE_PLACES.search("see /root/x")
    assert MACHINE_PLACES.search('open("/tmp/a")')
    assert not MACHINE_PLACES.search("https://example.org/home/work/")
    assert not MACHINE_PLACES.search("DIR/tmp/a")
    assert REGISTRIES.search("from pypi" + ".org")
    assert PRIVATE_KEY.search("-----BEGIN EC PRIVATE KEY-----\n" + "A" * 64)
