"""What `natsuin.documents` may refuse. Every message names the cause, every hint the next step."""

from natsuin.errors import Malformed, Refused, TooLarge, Unavailable


class NotAPDF(Malformed):
    """The bytes are not a PDF file at all."""

    code = "not_a_pdf"


class BrokenDocument(Malformed):
    """It begins like a PDF, but its structure does not hold: readers could show different things."""

    code = "broken_document"


class EncryptedDocument(Refused):
    """The PDF is encrypted, so the server cannot look into it and an approval could not say what was shown."""

    code = "encrypted_document"


class DocumentTooLarge(TooLarge):
    """The PDF, or what it unpacks to, is above the stated limit."""

    code = "document_too_large"


class ChangesForbidden(Refused):
    """An earlier signature of the document forbids what is asked: adding it would make that signature invalid."""

    code = "changes_forbidden"


class PlacementRefused(Refused):
    """The seal mark would lie outside the page, or the page does not exist."""

    code = "placement_refused"


class MissingCharacters(Refused):
    """The font has no shape for some characters; the message lists them, none is drawn as an empty box."""

    code = "missing_characters"


class CertificateUnusable(Refused):
    """The certificate given for signing cannot be read, or does not fit the signature scheme."""

    code = "certificate_unusable"


class SignatureMismatch(Refused):
    """The signature value does not verify for this document with this certificate, and was not embedded."""

    code = "signature_mismatch"


class TimeStampFailed(Unavailable):
    """No good time-stamp was obtained, so nothing was embedded: the level asked for is never lowered."""

    code = "time_stamp_failed"


class DocumentTimeout(Refused):
    """Working on the document took longer, or more memory, than any honest document needs."""

    code = "document_timeout"
