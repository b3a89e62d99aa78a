"""Was a certificate revoked? A question apart from trust, because nobody can answer it from the document alone.

Judged by the lists and answers that the document carries (its DSS, ETSI EN 319 142-1) and the lists that the asker
gives. Only where every certificate up to the root is covered by them the answer is that it was not.
"""

from collections.abc import Sequence

from asn1crypto import crl

from natsuin.errors import Malformed
from natsuin.validation.report import Line
from natsuin.validation.wording import line


def load_lists(lists: Sequence[bytes]) -> tuple[crl.CertificateList, ...]:
    """Certificate revocation lists (RFC 5280 section 5), DER. Raises `Malformed`."""
    try:
        loaded = tuple(crl.CertificateList.load(each, strict=True) for each in lists)
        for one in loaded:
            one["tbs_cert_list"]["this_update"].native  # noqa: B018  asn1crypto parses lazily; this makes it look
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed("A revocation list cannot be read.", hint="Give lists (CRL) in PEM or DER.") from error
    return loaded


def revocation_line(*, trusted: bool, revoked: bool, covered: bool, names: dict[str, str]) -> Line:
    """The line about revocation of a signer's certificate."""
    if revoked:
        return line("revoked", **names)
    if not trusted:
        return line("revocation_without_trust")
    return line("not_revoked" if covered else "revocation_not_checked", **names)
