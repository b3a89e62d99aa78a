"""Certification: the built-in certification authority, revocation and time-stamps.

For an intranet, a trial or a small organisation: what is made here follows the standards and is checked by everybody's
tools, and is worth exactly as much as the people who run it. It is no accredited or qualified service, and an outside
authority's certificates can be used instead.

Everything here is a function of its arguments. Private keys come in as objects of `cryptography` and only their methods
`public_key` and `sign` are called, so they may live in a token; nothing is read, stored or sent; the time is an
argument. So whoever calls keeps what must be kept (serial numbers, revocations, the number of the last list) and makes
it durable first. All functions are thread safe if the keys are.

An authority is made in this order::

    root = Authority(make_root(root_key, service_subject("Root CA", demo=False), validity=...), root_key)
    issuing = Authority(make_issuing(root, issuing_key.public_key(), subject=..., ...), issuing_key)
    request = check_request(make_request(person_key, subject), subject)
    certificate = issue_signer_certificate(issuing, request, person_reference=..., validity=..., rules=...)

and answers are given by `make_crl`, `answer_ocsp` and `answer_time_stamp`. The last two take bytes from anybody in the
world: they answer every input, and never raise because of it.
"""

from natsuin.certification.authority import (
    Authority,
    issue_responder_certificate,
    issue_signer_certificate,
    issue_time_stamping_certificate,
    make_issuing,
    make_root,
)
from natsuin.certification.names import DEMO_MARK, check_subject, service_subject
from natsuin.certification.online_status import OCSP_REQUEST_LIMIT, Responder, answer_ocsp
from natsuin.certification.outside import OutsideCertificate, check_outside_certificate
from natsuin.certification.profiles import CertificatePolicy, IssuingRules, Publication, Validity
from natsuin.certification.public_keys import PrivateKey, PublicKey, algorithm_of
from natsuin.certification.refusals import (
    CertificateNotAccepted,
    IssuerExpired,
    KeyDoesNotMatch,
    KeyNotAllowed,
    RequestMalformed,
    RequestTooLarge,
    SignerNotAccepted,
    SigningFault,
    SubjectDiffers,
    SubjectNotAllowed,
)
from natsuin.certification.requests import REQUEST_LIMIT, CheckedRequest, check_request, make_request
from natsuin.certification.revocation import Revocation, RevocationReason, Standing, make_crl
from natsuin.certification.signed_content import (
    KEY_IMPORT_PURPOSE,
    SignedContent,
    check_signed_content,
    require_purpose,
)
from natsuin.certification.time_stamping import TIME_STAMP_REQUEST_LIMIT, TimeStampAuthority, answer_time_stamp

__all__ = [
    "DEMO_MARK",
    "KEY_IMPORT_PURPOSE",
    "OCSP_REQUEST_LIMIT",
    "REQUEST_LIMIT",
    "TIME_STAMP_REQUEST_LIMIT",
    "Authority",
    "CertificateNotAccepted",
    "CertificatePolicy",
    "CheckedRequest",
    "IssuerExpired",
    "IssuingRules",
    "KeyDoesNotMatch",
    "KeyNotAllowed",
    "OutsideCertificate",
    "PrivateKey",
    "PublicKey",
    "Publication",
    "RequestMalformed",
    "RequestTooLarge",
    "Responder",
    "Revocation",
    "RevocationReason",
    "SignedContent",
    "SignerNotAccepted",
    "SigningFault",
    "Standing",
    "SubjectDiffers",
    "SubjectNotAllowed",
    "TimeStampAuthority",
    "Validity",
    "algorithm_of",
    "answer_ocsp",
    "answer_time_stamp",
    "check_outside_certificate",
    "check_request",
    "check_signed_content",
    "check_subject",
    "issue_responder_certificate",
    "issue_signer_certificate",
    "issue_time_stamping_certificate",
    "make_crl",
    "make_issuing",
    "make_request",
    "make_root",
    "require_purpose",
    "service_subject",
]
