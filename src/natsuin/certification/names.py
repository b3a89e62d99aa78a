"""Names in certificates: of signers, authorities and services (RFC 5280, 4.1.2.4 and 4.1.2.6; X.520)."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from natsuin.certification.refusals import SubjectNotAllowed
from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import Subject

DEMO_MARK = "NOT FOR REAL USE"
"""Stands in every name that a demonstration installation certifies."""

_COMMON_NAME_BYTES = 64
_ORGANIZATION_CHARACTERS = 64
_REFERENCE_CHARACTERS = 64

_REFERENCE_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+,-./:=? ")


def service_subject(role: str, *, service: str = "Natsuin", demo: bool, country: str = "JP") -> Subject:
    """The name of an authority or service such as `Root CA`; a demonstration's name says that it is one."""
    common_name = f"{service} Demo {role} ({DEMO_MARK})" if demo else f"{service} {role}"
    return Subject(common_name=common_name, country=country, organization=service)


def check_subject(subject: Subject) -> None:
    """Make sure that `subject` can stand in a certificate exactly as it is.

    The common name takes at most 64 bytes of UTF-8, which is 21 kanji; the organization at most 64 characters.
    What `plain_text` refuses or would change is refused, because two names that look the same must be the same.

    Raises SubjectNotAllowed.
    """
    _check_text("name", subject.common_name)
    if len(subject.common_name.encode()) > _COMMON_NAME_BYTES:
        raise SubjectNotAllowed(
            f"The name is longer than {_COMMON_NAME_BYTES} bytes in UTF-8, so it does not fit into a certificate.",
            hint="Leave out titles and readings; at most 21 kanji or 64 Latin letters fit.",
        )
    if subject.organization:
        _check_text("organization", subject.organization)
        if len(subject.organization) > _ORGANIZATION_CHARACTERS:
            raise SubjectNotAllowed(f"The organization is longer than {_ORGANIZATION_CHARACTERS} characters.")
    country = subject.country
    if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
        raise SubjectNotAllowed("The country is not two capital letters.", hint="Use a code of ISO 3166, such as JP.")


def _check_text(what: str, text: str) -> None:
    try:
        plain = plain_text(text, f"the {what}", required=True)
    except Malformed as refusal:
        raise SubjectNotAllowed(f"{refusal.message[:1].upper()}{refusal.message[1:]}.", hint=refusal.hint) from refusal
    if plain != text:
        raise SubjectNotAllowed(
            f"The {what} is not in the form in which texts are signed: Unicode's composed form, ordinary or full-width"
            " spaces, and none at the beginning or the end.",
            hint="Type the name again instead of pasting it.",
        )


def request_name(subject: Subject) -> x509.Name:
    """The name in a certificate request: country, organization if there is one, common name.

    Raises SubjectNotAllowed.
    """
    return x509.Name(_attributes(subject))


def signer_name(subject: Subject, *, person_reference: str, demo: bool = False) -> x509.Name:
    """The name in a signer's certificate.

    `person_reference` tells people of one name apart (X.520 serialNumber): opaque, 1 to 64 characters of
    PrintableString. It is public wherever a signature is, so it must not be a number known elsewhere.

    Raises SubjectNotAllowed.
    """
    if not 0 < len(person_reference) <= _REFERENCE_CHARACTERS or not _REFERENCE_ALPHABET.issuperset(person_reference):
        raise SubjectNotAllowed("The person's reference is not 1 to 64 plain letters, digits or marks.")
    attributes = _attributes(subject)
    if demo:
        mark = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"DEMO - {DEMO_MARK}")
        attributes.insert(len(attributes) - 1, mark)
    attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, person_reference))
    return x509.Name(attributes)


def _attributes(subject: Subject) -> list[x509.NameAttribute[str]]:
    check_subject(subject)
    attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, subject.country)]
    if subject.organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name))
    return attributes
