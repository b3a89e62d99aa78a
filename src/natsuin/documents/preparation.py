"""First phase of a PAdES signature: the document with an empty place, and the attributes to be signed.

ETSI EN 319 142-1 (PAdES baseline) on ISO 32000-2 section 12.8. The document is only appended to, so earlier
signatures stay.
"""

import io
from typing import cast

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import BuildProps, PreparedByteRangeDigest, SignatureObject

from natsuin.algorithms import FACTS
from natsuin.documents import cms
from natsuin.documents.appearance import write_appearance
from natsuin.documents.earlier import field_names, filled_count, refuse_if_broken, refuse_if_certified
from natsuin.documents.errors import PlacementRefused
from natsuin.documents.facts import LIMIT_BYTES, Placement
from natsuin.documents.objects import dictionary
from natsuin.documents.pages import Page, walk_pages
from natsuin.documents.reading import hostile_input, open_reader
from natsuin.documents.seal import SealAppearance
from natsuin.documents.state import Prepared, PrepareRequest

_ROOM_FOR_ATTRIBUTES = 1536


def prepare(pdf: bytes, request: PrepareRequest, *, limit: int = LIMIT_BYTES) -> Prepared:
    """Make `pdf` ready for one more signature as `request` says; nothing is signed yet.

    Raises the errors of `inspect`, and `ChangesForbidden`, `PlacementRefused`, `MissingCharacters`,
    `CertificateUnusable`. Pure; thread safe.
    """
    certificate = cms.SigningCertificate.parse(request.certificate)
    reserved = _reserved_bytes(request)
    reader = open_reader(pdf, limit=limit)
    with hostile_input():
        visible = request.placement is not None
        refuse_if_certified(reader, visible=visible)
        signed_before = filled_count(reader) > 0
        output, place = _with_empty_place(reader, request, reserved)
        if signed_before:
            refuse_if_broken(open_reader(pdf, limit=limit), output)
    return Prepared(
        pdf=output,
        dtbs=cms.signed_attributes(certificate, request.scheme, place.document_digest),
        scheme=request.scheme,
        certificate=request.certificate,
        chain=request.chain,
        start=place.reserved_region_start,
        end=place.reserved_region_end,
    )


def _reserved_bytes(request: PrepareRequest) -> int:
    certificates = len(request.certificate) + sum(map(len, request.chain))
    names = len(request.certificate)  # The issuer's name appears twice more, and is never longer than the certificate.
    return (
        certificates + names + cms.signature_size(request.certificate) + _ROOM_FOR_ATTRIBUTES + request.time_stamp_bytes
    )


def _with_empty_place(
    reader: PdfFileReader, request: PrepareRequest, reserved: int
) -> tuple[bytes, PreparedByteRangeDigest]:
    writer = IncrementalPdfFileWriter.from_reader(reader)
    page = _page(reader, request.placement.page if request.placement else 0)
    box = page.rectangle(request.placement) if request.placement else None
    name = _free_name(field_names(reader))
    index = request.placement.page if request.placement else 0
    # The library's annotation says whole points, but it writes any number.
    spec = SigFieldSpec(name, on_page=index, box=cast("tuple[int, int, int, int] | None", box))
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(name, writer)
    field = next(steps).get_object()
    field["/TU"] = pdf_string(
        f"電子署名 Digital signature: {request.name}" if request.name else "電子署名 Digital signature"
    )
    if request.placement is not None:
        _draw(writer, field, page, request.placement, request.appearance or SealAppearance(request.name))
    placeholder = SignatureObject(
        timestamp=request.signing_time,
        subfilter=SigSeedSubFilter.PADES,
        name=request.name or None,
        reason=request.reason or None,
        location=request.location or None,
        app_build_props=BuildProps(name="Natsuin"),
        bytes_reserved=2 * reserved,
    )
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    place, stream = steps.send(SigIOSetup(md_algorithm=FACTS[request.scheme].hash_name, output=io.BytesIO()))
    return stream.getvalue(), place


def _page(reader: PdfFileReader, number: int) -> Page:
    for index, page in enumerate(walk_pages(reader)):
        if index == number:
            return page
    raise PlacementRefused(f"The document has no page {number + 1}.", hint="Choose one of its pages.")


def _free_name(taken: set[str]) -> str:
    number = 1
    while f"Natsuin{number}" in taken:
        number += 1
    return f"Natsuin{number}"


def _draw(
    writer: IncrementalPdfFileWriter,
    field: generic.DictionaryObject,
    page: Page,
    placement: Placement,
    appearance: SealAppearance,
) -> None:
    mark = write_appearance(writer, appearance, size=(placement.width, placement.height), turn=page.upright_matrix())
    field["/AP"] = dictionary({"/N": mark})
