import pytest
from cryptography.x509.oid import NameOID

from natsuin.certification import DEMO_MARK, SubjectNotAllowed, check_subject, service_subject
from natsuin.certification.names import request_name, signer_name
from natsuin.sam.protocol import Subject


@pytest.mark.parametrize(
    "name", ["山田 太郎", "𠮷野 花子", "Nguyễn Văn A", "O'Neill, Jr.", "葛\U000e0100城", "A", "x" * 64, "漢" * 21]
)
def test_names_of_people_are_taken_as_they_are(name: str) -> None:
    subject = Subject(common_name=name)
    check_subject(subject)
    assert request_name(subject).get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " 山田",
        "山田 ",
        "山田\n太郎",
        "山田\x00太郎",
        "山田\u202e太郎",
        "山田\u200b太郎",
        "山田\ue000",
        "山田\ud842",
        "カ\u3099",
        "x" * 65,
        "漢" * 22,
    ],
)
def test_names_that_mislead_or_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(SubjectNotAllowed):
        check_subject(Subject(common_name=name))


@pytest.mark.parametrize("country", ["", "J", "jp", "JPN", "J1", "日本"])
def test_countries_that_are_no_codes_are_refused(country: str) -> None:
    with pytest.raises(SubjectNotAllowed):
        check_subject(Subject(common_name="A", country=country))


@pytest.mark.parametrize("organization", ["x" * 65, " x", "x\u202e"])
def test_bad_organizations_are_refused(organization: str) -> None:
    with pytest.raises(SubjectNotAllowed):
        check_subject(Subject(common_name="A", organization=organization))


@pytest.mark.parametrize("reference", ["", "x" * 65, "山田", "a@b", "a\n"])
def test_references_must_be_plain(reference: str) -> None:
    with pytest.raises(SubjectNotAllowed):
        signer_name(Subject(common_name="A"), person_reference=reference)


def test_a_signers_name_is_country_organization_name_and_reference() -> None:
    name = signer_name(Subject(common_name="山田 太郎", organization="株式会社捺印"), person_reference="p-1")
    assert [(a.oid, a.value) for a in name] == [
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "株式会社捺印"),
        (NameOID.COMMON_NAME, "山田 太郎"),
        (NameOID.SERIAL_NUMBER, "p-1"),
    ]


def test_without_organization_none_is_written() -> None:
    name = signer_name(Subject(common_name="山田 太郎"), person_reference="p-1")
    assert not name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_a_demonstration_says_so_in_every_name() -> None:
    assert service_subject("Root CA", demo=True).common_name == f"Natsuin Demo Root CA ({DEMO_MARK})"
    assert "Demo" not in service_subject("Root CA", demo=False).common_name
    signer = signer_name(Subject(common_name="山田 太郎"), person_reference="p-1", demo=True)
    assert DEMO_MARK in signer.rfc4514_string()


@pytest.mark.parametrize("role", ["Root CA", "Issuing CA", "Time-Stamping Authority", "OCSP Responder"])
def test_names_of_services_fit(role: str) -> None:
    check_subject(service_subject(role, demo=True))
