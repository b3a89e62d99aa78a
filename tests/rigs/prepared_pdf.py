"""A PDF that an application prepares by itself, with pyHanko: a place for a signature, and the digest of the rest."""

import hashlib
import io
from dataclasses import dataclass

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject

from natsuin.cli.demo.story import sample_contract


@dataclass
class PreparedPDF:
    """`digest` is what the application sends, `embed` what it does with the answer."""

    content: bytes
    place: PreparedByteRangeDigest

    @classmethod
    def make(cls, hash_name: str = "sha256", reason: str = "") -> "PreparedPDF":
        steps = PdfCMSEmbedder().write_cms(
            "Signature1", IncrementalPdfFileWriter(io.BytesIO(sample_contract().read_bytes()))
        )
        next(steps)
        steps.send(
            SigObjSetup(
                sig_placeholder=SignatureObject(
                    subfilter=SigSeedSubFilter.PADES, reason=reason or None, bytes_reserved=32_768
                )
            )
        )
        place, stream = steps.send(SigIOSetup(md_algorithm=hash_name, output=io.BytesIO()))
        return cls(stream.getvalue(), place)

    @property
    def digest(self) -> bytes:
        return self.place.document_digest

    def embed(self, cms: bytes) -> bytes:
        start, end = self.place.reserved_region_start, self.place.reserved_region_end
        room = end - start - 2
        assert len(cms) * 2 <= room
        return self.content[: start + 1] + cms.hex().encode().ljust(room, b"0") + self.content[end - 1 :]

    def signed_range(self) -> bytes:
        start, end = self.place.reserved_region_start, self.place.reserved_region_end
        signed = self.content[:start] + self.content[end:]
        assert hashlib.sha256(signed).digest() == self.digest
        return signed
