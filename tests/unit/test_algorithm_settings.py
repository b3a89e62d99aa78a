"""The section [algorithms]: an operator can take away, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from natsuin.algorithm_policy import Act, AlgorithmPolicy, AlgorithmRefused, Choice
from natsuin.algorithm_settings import AlgorithmsSection
from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.config import ConfigurationRefused, load, write_config

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WIDEST = AlgorithmPolicy(Choice(named=frozenset(KeyAlgorithm)))


def loaded(folder: Path, text: str) -> AlgorithmPolicy:
    file = write_config(folder, origin="http://localhost:8710")
    file.write_text(f"{file.read_text()}\n[algorithms]\n{text}\n")
    return load(file).algorithms.policy


def test_nothing_is_needed(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "")
    assert policy.offered(NOW) == AlgorithmPolicy().offered(NOW)
    assert len(policy.offered(NOW)) == 6


def test_what_is_taken_away_is_refused(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        """
        refused = ["ed25519", "rsa-4096", "rsa-pkcs1-sha256"]
        generate_until = { rsa-3072 = 2027-12-31 }
        sign_until = { p-521 = 2030-06-30 }
        """,
    )
    assert policy.offered(NOW) == (KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.P_521)
    assert KeyAlgorithm.RSA_3072 not in policy.offered(datetime(2028, 1, 1, tzinfo=UTC))
    assert policy.allows(Act.SIGN, KeyAlgorithm.RSA_3072, datetime(2028, 1, 1, tzinfo=UTC))
    assert SignatureScheme.RSA_PKCS1_SHA256 not in policy.schemes(KeyAlgorithm.RSA_3072)
    assert not policy.allows(Act.SIGN, KeyAlgorithm.P_521, datetime(2030, 7, 1, tzinfo=UTC))
    for scheme, algorithm in (("ed25519", KeyAlgorithm.ED25519), ("rsa-pkcs1-sha256", KeyAlgorithm.RSA_3072)):
        with pytest.raises(AlgorithmRefused):
            policy.scheme_for(scheme, algorithm, NOW)


def test_experiments_and_keys_in_transition_are_named(tmp_path: Path) -> None:
    policy = loaded(tmp_path, 'experimental = ["ML-DSA-65"]\ntransition = ["rsa-2048"]')
    assert policy.offered(NOW) == tuple(KeyAlgorithm)
    assert KeyAlgorithm.RSA_2048 not in policy.offered(datetime(2031, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("sign_until = { rsa-2048 = 2031-01-01 }", "algorithms.sign_until", "2030-12-31"),
        ("generate_until = { rsa-2048 = 2050-12-31 }", "algorithms.generate_until", "rsa-2048"),
        ("import_until = { p-256 = 2051-01-01 }", "algorithms.import_until", "2050-12-31"),
        ("sign_until = { rsa-1024 = 2027-01-01 }", "algorithms.sign_until", "no kind of key"),
        ('refused = ["sha1"]', "algorithms.refused", "no kind of key"),
        ('experimental = ["rsa-2048"]', "algorithms.experimental", "rsa-2048"),
        ('experimental = ["ML-DSA-44"]', "algorithms.experimental", "ML-DSA-44"),
        ('transition = ["p-256"]', "algorithms.transition", "p-256"),
        ('allowed = ["rsa-1024"]', "algorithms.allowed", "no such key"),
    ],
)
def test_what_would_loosen_is_refused_by_its_key(tmp_path: Path, text: str, key: str, words: str) -> None:
    with pytest.raises(ConfigurationRefused) as caught:
        loaded(tmp_path, text)
    assert key in caught.value.message
    assert words in caught.value.message


_NAMES = st.sampled_from([*KeyAlgorithm, *SignatureScheme, "ML-DSA-65", "rsa-1024", "sha1", ""])
_DAYS = st.dictionaries(_NAMES.map(str), st.dates(date(2026, 1, 1), date(2080, 1, 1)), max_size=3)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "refused": st.lists(_NAMES.map(str), max_size=3),
            "generate_until": _DAYS,
            "import_until": _DAYS,
            "sign_until": _DAYS,
            "transition": st.lists(_NAMES.map(str), max_size=2),
            "experimental": st.lists(_NAMES.map(str), max_size=2),
        },
    ),
    st.integers(0, 54 * 365 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
def test_no_configuration_allows_more_than_the_table(values: dict[str, object], at: datetime) -> None:
    try:
        policy = AlgorithmsSection.model_validate(values).policy
    except ValidationError:
        return
    for act in Act:
        for what in (*KeyAlgorithm, *SignatureScheme):
            assert WIDEST.allows(act, what, at) or not policy.allows(act, what, at)
    for algorithm in KeyAlgorithm:
        end, widest = policy.certificate_end(algorithm), WIDEST.certificate_end(algorithm)
        assert widest is None or (end is not None and end <= widest)
