"""The table of algorithms, and what one operator's choice makes of it: never more than the table."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.algorithm_policy import Act, AlgorithmPolicy, AlgorithmRefused, Choice, Standing, table
from natsuin.algorithms import FACTS, SCHEMES_OF, KeyAlgorithm, SignatureScheme

IN_2026 = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = st.sampled_from(list(KeyAlgorithm))
SCHEMES = st.sampled_from(list(SignatureScheme))
DAYS = st.dates(date(2026, 1, 1), date(2080, 1, 1))
TIMES = st.integers(0, 54 * 365 * 86_400).map(lambda seconds: IN_2026 + timedelta(seconds=seconds))
CHOICES = st.builds(
    Choice,
    refused_keys=st.frozensets(KEYS),
    refused_schemes=st.frozensets(SCHEMES),
    last_days=st.dictionaries(st.sampled_from(list(Act)), st.dictionaries(KEYS, DAYS)),
    named=st.frozensets(KEYS),
)
PLAIN = AlgorithmPolicy()
EVERYTHING_NAMED = AlgorithmPolicy(Choice(named=frozenset(KeyAlgorithm)))
END_OF_2030 = datetime(2030, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
END_OF_2050 = datetime(2050, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def last_allowed(algorithm: KeyAlgorithm) -> datetime | None:
    """By CRYPTREC's years, written here a second time so that a slip in the table is seen."""
    if algorithm is KeyAlgorithm.RSA_2048:
        return END_OF_2030
    ending = {KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096, KeyAlgorithm.P_256, KeyAlgorithm.ED25519}
    return END_OF_2050 if algorithm in ending else None


@pytest.mark.parametrize("act", [Act.GENERATE, Act.IMPORT, Act.SIGN])
@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_every_kind_ends_on_its_day(algorithm: KeyAlgorithm, act: Act) -> None:
    end = last_allowed(algorithm)
    assert EVERYTHING_NAMED.allows(act, algorithm, IN_2026)
    if end is None:
        assert EVERYTHING_NAMED.allows(act, algorithm, datetime(2070, 12, 31, tzinfo=UTC))
        return
    assert EVERYTHING_NAMED.allows(act, algorithm, end)
    with pytest.raises(AlgorithmRefused) as caught:
        EVERYTHING_NAMED.require(act, algorithm, end + SECOND)
    assert algorithm.value in caught.value.message
    assert f"{end:%Y-%m-%d}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_certificate_ends_with_its_keys_algorithm(algorithm: KeyAlgorithm) -> None:
    end = PLAIN.certificate_end(algorithm)
    last = last_allowed(algorithm)
    assert end == (last and last.replace(microsecond=0))
    if end is None:
        PLAIN.require_certificate(algorithm, datetime(2099, 1, 1, tzinfo=UTC))
        return
    PLAIN.require_certificate(algorithm, end)
    with pytest.raises(AlgorithmRefused, match=f"{end:%Y-%m-%d}"):
        PLAIN.require_certificate(algorithm, end + SECOND)


def test_a_certificate_ends_when_the_operator_lets_signing_end() -> None:
    policy = AlgorithmPolicy(Choice(last_days={Act.SIGN: {KeyAlgorithm.P_256: date(2027, 3, 31)}}))
    assert policy.certificate_end(KeyAlgorithm.P_256) == datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)


def test_new_keys_in_transition_and_experiments_must_be_asked_for() -> None:
    assert KeyAlgorithm.RSA_2048 not in PLAIN.offered(IN_2026)
    assert KeyAlgorithm.ML_DSA_65 not in PLAIN.offered(IN_2026)
    assert PLAIN.allows(Act.IMPORT, KeyAlgorithm.RSA_2048, IN_2026)
    assert PLAIN.allows(Act.SIGN, KeyAlgorithm.RSA_2048, IN_2026)
    for act in (Act.GENERATE, Act.IMPORT, Act.SIGN):
        with pytest.raises(AlgorithmRefused, match="experiment"):
            PLAIN.require(act, KeyAlgorithm.ML_DSA_65, IN_2026)
    with pytest.raises(AlgorithmRefused):
        PLAIN.require(Act.SIGN, SignatureScheme.ML_DSA_65, IN_2026)
    assert EVERYTHING_NAMED.offered(IN_2026) == tuple(KeyAlgorithm)


def test_what_is_experimental_says_so_in_its_name() -> None:
    for algorithm in KeyAlgorithm:
        experimental = PLAIN.standing(algorithm) is Standing.EXPERIMENTAL
        assert ("experimental" in algorithm.value) == experimental
        assert all(("experimental" in scheme.value) == experimental for scheme in SCHEMES_OF[algorithm])


def test_the_table_knows_every_kind_and_no_broken_hash() -> None:
    assert set(table().rules) == set(KeyAlgorithm)
    assert set(table().hashes) == {"sha256", "sha384", "sha512"}
    assert {FACTS[scheme].hash_name for scheme in SignatureScheme} <= set(table().hashes)
    for name in ("rsa-pkcs1-sha1", "rsa-pss-sha1", "ecdsa-sha1", "rsa-pkcs1-md5", "", "RSA-PKCS1-SHA256"):
        for algorithm in KeyAlgorithm:
            with pytest.raises(AlgorithmRefused):
                EVERYTHING_NAMED.scheme_for(name, algorithm, IN_2026)


def test_a_scheme_of_another_key_is_refused() -> None:
    for algorithm in KeyAlgorithm:
        for scheme in SignatureScheme:
            if scheme in SCHEMES_OF[algorithm]:
                assert EVERYTHING_NAMED.scheme_for(scheme.value, algorithm, IN_2026) is scheme
                continue
            with pytest.raises(AlgorithmRefused):
                EVERYTHING_NAMED.scheme_for(scheme.value, algorithm, IN_2026)
            with pytest.raises(AlgorithmRefused):
                EVERYTHING_NAMED.require_signing(algorithm, scheme, IN_2026)


@pytest.mark.parametrize(
    ("algorithm", "at", "kind"),
    [
        (KeyAlgorithm.RSA_2048, datetime(2026, 11, 22, tzinfo=UTC), "transition"),
        (KeyAlgorithm.RSA_2048, datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC), "transition"),
        (KeyAlgorithm.RSA_2048, datetime(2030, 1, 1, tzinfo=UTC), "ending"),
        (KeyAlgorithm.RSA_2048, datetime(2030, 12, 31, 23, 0, tzinfo=UTC), "ending"),
        (KeyAlgorithm.RSA_2048, datetime(2031, 1, 1, tzinfo=UTC), "ended"),
        (KeyAlgorithm.P_256, datetime(2040, 12, 31, 23, 59, tzinfo=UTC), None),
        (KeyAlgorithm.P_256, datetime(2041, 1, 1, tzinfo=UTC), "transition"),
        (KeyAlgorithm.P_256, datetime(2050, 1, 1, tzinfo=UTC), "ending"),
        (KeyAlgorithm.P_384, datetime(2069, 1, 1, tzinfo=UTC), None),
        (KeyAlgorithm.ML_DSA_65, datetime(2026, 11, 22, tzinfo=UTC), "experimental"),
    ],
)
def test_people_are_told_in_good_time(algorithm: KeyAlgorithm, at: datetime, kind: str | None) -> None:
    notice = PLAIN.notice(algorithm, at)
    assert (notice.kind if notice else None) == kind
    if notice is not None and kind != "experimental":
        assert notice.last_day == PLAIN.last_day(Act.SIGN, algorithm) is not None


def test_an_earlier_end_is_warned_of_as_well() -> None:
    policy = AlgorithmPolicy(Choice(last_days={Act.SIGN: {KeyAlgorithm.P_521: date(2027, 6, 30)}}))
    notice = policy.notice(KeyAlgorithm.P_521, IN_2026)
    assert notice is not None
    assert (notice.kind, notice.last_day) == ("ending", date(2027, 6, 30))


@given(CHOICES, st.sampled_from(list(Act)), KEYS, TIMES)
def test_no_choice_allows_a_key_more_than_the_table(
    choice: Choice, act: Act, algorithm: KeyAlgorithm, at: datetime
) -> None:
    policy = AlgorithmPolicy(choice)
    end = last_allowed(algorithm)
    if policy.allows(act, algorithm, at):
        assert end is None or at < end + SECOND
        assert algorithm not in choice.refused_keys
        assert PLAIN.standing(algorithm) is not Standing.EXPERIMENTAL or algorithm in choice.named
        if act is Act.GENERATE and PLAIN.standing(algorithm) is Standing.TRANSITION:
            assert algorithm in choice.named
    narrowed = policy.certificate_end(algorithm)
    assert end is None or (narrowed is not None and narrowed <= end)
    signs_until = policy.last_day(Act.SIGN, algorithm)
    assert signs_until is None or (narrowed is not None and narrowed.date() <= signs_until)


@given(CHOICES, SCHEMES, KEYS, TIMES)
def test_no_choice_allows_a_signature_more_than_the_table(
    choice: Choice, scheme: SignatureScheme, algorithm: KeyAlgorithm, at: datetime
) -> None:
    policy = AlgorithmPolicy(choice)
    try:
        policy.require_signing(algorithm, scheme, at)
    except AlgorithmRefused:
        return
    assert scheme in SCHEMES_OF[algorithm]
    assert scheme in policy.schemes(algorithm)
    assert scheme not in choice.refused_schemes
    assert EVERYTHING_NAMED.allows(Act.SIGN, algorithm, at)
    assert policy.allows(Act.SIGN, algorithm, at)


@given(CHOICES, st.sampled_from(list(Act)), KEYS, TIMES, TIMES)
def test_what_has_ended_never_begins_again(
    choice: Choice, act: Act, algorithm: KeyAlgorithm, first: datetime, second: datetime
) -> None:
    policy = AlgorithmPolicy(choice)
    earlier, later = sorted((first, second))
    assert policy.allows(act, algorithm, earlier) or not policy.allows(act, algorithm, later)
