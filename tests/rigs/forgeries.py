"""Forged variants of a signed PDF, by the classes of attack known for PDF signatures (USF, ISA, SWA, shadow).

Each is made from the bytes of a validly signed document. None of them may be told to be valid.
"""

import io
import re

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

FORGERIES = {}


def forgery(function):
    FORGERIES[function.__name__] = function
    return function


def _range(pdf):
    found = re.search(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+) *\]", pdf)
    return found, [int(n) for n in found.groups()]


def _with_range(pdf, *numbers):
    """Another byte range in the same room, so that no offset moves. The placeholder leaves enough blanks."""
    found, _ = _range(pdf)
    text = b"/ByteRange [" + b" ".join(str(n).encode() for n in numbers) + b"]"
    return pdf[: found.start()] + text.ljust(found.end() - found.start()) + pdf[found.end() :]


def _appended(pdf, change):
    """An incremental update; `change` gets the writer."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _page(writer):
    return writer.find_page_for_modification(0)[0].get_object()


def _stream(writer, content):
    return writer.add_object(generic.StreamObject(stream_data=content))


# Universal signature forgery: the signature dictionary is made useless, hoping for a verifier that then says yes.


@forgery
def missing_contents(pdf):
    return pdf.replace(b"/Contents <", b"/Kontents <", 1)


@forgery
def null_contents(pdf):
    _, (_, before, after, _) = _range(pdf)
    return pdf[:before] + b"null".ljust(after - before) + pdf[after:]


@forgery
def zero_contents(pdf):
    _, (_, before, after, _) = _range(pdf)
    return pdf[:before] + b"<" + b"0" * (after - before - 2) + b">" + pdf[after:]


@forgery
def empty_contents(pdf):
    _, (_, before, after, _) = _range(pdf)
    return pdf[:before] + b"<>".ljust(after - before) + pdf[after:]


@forgery
def missing_byte_range(pdf):
    return pdf.replace(b"/ByteRange", b"/ByteRanga", 1)


@forgery
def null_byte_range(pdf):
    found, _ = _range(pdf)
    return pdf[: found.start()] + b"/ByteRange null".ljust(found.end() - found.start()) + pdf[found.end() :]


@forgery
def empty_byte_range(pdf):
    found, _ = _range(pdf)
    return pdf[: found.start()] + b"/ByteRange []".ljust(found.end() - found.start()) + pdf[found.end() :]


@forgery
def three_numbers(pdf):
    _, (a, b, c, _) = _range(pdf)
    return _with_range(pdf, a, b, c)


@forgery
def negative_range(pdf):
    _, (a, b, c, d) = _range(pdf)
    return _with_range(pdf, a, b, c, -d)


@forgery
def overlapping_ranges(pdf):
    _, (a, b, c, d) = _range(pdf)
    return _with_range(pdf, a, b, b - 10, d + (c - b) + 10)


@forgery
def range_not_from_start(pdf):
    _, (_, b, c, d) = _range(pdf)
    return _with_range(pdf, 1, b - 1, c, d)


@forgery
def range_behind_the_end(pdf):
    _, (a, b, c, d) = _range(pdf)
    return _with_range(pdf, a, b, c, d + 999)


@forgery
def wider_gap(pdf):
    _, (a, b, c, d) = _range(pdf)
    return _with_range(pdf, a, b - 5, c, d)


@forgery
def shorter_end(pdf):
    _, (a, b, c, d) = _range(pdf)
    return _with_range(pdf, a, b, c, d - 20)


@forgery
def no_subfilter(pdf):
    return pdf.replace(b"/SubFilter", b"/SobFilter", 1)


@forgery
def other_subfilter(pdf):
    return pdf.replace(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.sha1    ", 1)


# Incremental saving: content is changed in a revision after the signed one.


@forgery
def page_content_replaced(pdf):
    def change(writer):
        page = _page(writer)
        page["/Contents"] = _stream(writer, b"BT /F1 14 Tf 72 700 Td (All my money) Tj ET")
        writer.update_container(page)

    return _appended(pdf, change)


@forgery
def annotation_over_text(pdf):
    def change(writer):
        page = _page(writer)
        note = generic.DictionaryObject(
            {
                generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
                generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
                generic.pdf_name("/Rect"): generic.ArrayObject(generic.NumberObject(n) for n in (50, 600, 500, 760)),
                generic.pdf_name("/Contents"): generic.pdf_string("1,000,000"),
            }
        )
        page["/Annots"].append(writer.add_object(note))
        writer.update_container(page["/Annots"])

    return _appended(pdf, change)


@forgery
def catalogue_replaced(pdf):
    def change(writer):
        page = generic.DictionaryObject(
            {
                generic.pdf_name("/Type"): generic.pdf_name("/Page"),
                generic.pdf_name("/MediaBox"): generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 595, 842)),
                generic.pdf_name("/Contents"): _stream(writer, b"0 0 100 100 re f"),
            }
        )
        pages = generic.DictionaryObject(
            {
                generic.pdf_name("/Type"): generic.pdf_name("/Pages"),
                generic.pdf_name("/Count"): generic.NumberObject(1),
                generic.pdf_name("/Kids"): generic.ArrayObject([writer.add_object(page)]),
            }
        )
        writer.root["/Pages"] = writer.add_object(pages)
        writer.update_root()

    return _appended(pdf, change)


@forgery
def page_added(pdf):
    def change(writer):
        pages = writer.root["/Pages"]
        pages["/Kids"].append(pages["/Kids"].raw_get(0))
        pages["/Count"] = generic.NumberObject(int(pages["/Count"]) + 1)
        writer.update_container(pages)

    return _appended(pdf, change)


@forgery
def font_replaced(pdf):
    def change(writer):
        font = _page(writer)["/Resources"]["/Font"]["/F1"]
        font["/BaseFont"] = generic.pdf_name("/Symbol")
        writer.update_container(font)

    return _appended(pdf, change)


@forgery
def mark_replaced(pdf):
    def change(writer):
        field = writer.root["/AcroForm"]["/Fields"][0]
        form = generic.StreamObject(stream_data=b"1 0 0 rg 0 0 999 999 re f")
        form["/Type"], form["/Subtype"] = generic.pdf_name("/XObject"), generic.pdf_name("/Form")
        form["/BBox"] = generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 999, 999))
        field["/AP"] = generic.DictionaryObject({generic.pdf_name("/N"): writer.add_object(form)})
        field["/Rect"] = generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 595, 842))
        writer.update_container(field)

    return _appended(pdf, change)


@forgery
def javascript_added(pdf):
    def change(writer):
        action = generic.DictionaryObject(
            {
                generic.pdf_name("/S"): generic.pdf_name("/JavaScript"),
                generic.pdf_name("/JS"): generic.pdf_string("app.alert(1)"),
            }
        )
        writer.root["/OpenAction"] = action
        writer.update_root()

    return _appended(pdf, change)


@forgery
def signature_reason_changed(pdf):
    def change(writer):
        value = writer.root["/AcroForm"]["/Fields"][0]["/V"]
        value["/Reason"] = generic.pdf_string("Something else")
        writer.update_container(value)

    return _appended(pdf, change)


@forgery
def visible_field_added_unsigned(pdf):
    def change(writer):
        from pyhanko.sign.fields import SigFieldSpec, append_signature_field

        append_signature_field(writer, SigFieldSpec("Cover", box=(0, 0, 595, 842)))

    return _appended(pdf, change)


@forgery
def bytes_after_the_end(pdf):
    return pdf + b"\n% nothing to see here\n"


@forgery
def update_without_cross_references(pdf):
    return pdf + b"\n4 0 obj\n<</Type /Page>>\nendobj\n"


@forgery
def old_end_repeated(pdf):
    start = pdf.rfind(b"startxref")
    return pdf + pdf[start:]


@forgery
def moved_start_of_references(pdf):
    start = pdf.rfind(b"startxref")
    number = int(pdf[start + 9 :].split()[0])
    earlier = pdf.rfind(b"startxref", 0, start)
    other = pdf[earlier + 9 :].split()[0]
    return pdf[:start] + pdf[start:].replace(str(number).encode(), other.rjust(len(str(number)), b"0"))


# Signature wrapping: the signed bytes are moved, and other bytes stand where readers look.


@forgery
def wrapped_in_gap(pdf):
    _, (_, b, c, _) = _range(pdf)
    contents = pdf[b:c]
    injected = b"<" + contents[1:-1].rstrip(b"0") + b"00>" + b" /Injected (evil) "
    if len(injected) > c - b:
        injected = injected[: c - b]
    return pdf[:b] + injected.ljust(c - b) + pdf[c:]


@forgery
def signed_part_moved_back(pdf):
    _, (a, b, c, d) = _range(pdf)
    padding = b"% other content\n" * 20
    moved = pdf[:c] + padding + pdf[c:]
    return _with_range(moved, a, b, c + len(padding), d)


@forgery
def tail_of_gap_used(pdf):
    _, (_, _, c, _) = _range(pdf)
    return pdf[: c - 41] + b"4E6F207A65726F73204E6F207A65726F73204E6F" + pdf[c - 1 :]


@forgery
def two_fields_one_signature(pdf):
    def change(writer):
        first = writer.root["/AcroForm"]["/Fields"][0]
        copy = generic.DictionaryObject(dict(first.items()))
        copy["/T"] = generic.pdf_string("Second")
        copy["/V"] = first.raw_get("/V")
        form = writer.root["/AcroForm"]
        form["/Fields"].append(writer.add_object(copy))
        writer.update_container(form["/Fields"])

    return _appended(pdf, change)


@forgery
def signature_moved_to_other_document(pdf):
    """The whole signature dictionary in a document with other content, saved afresh."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        opened.pages[0].Contents = opened.make_stream(b"BT /F1 14 Tf 72 700 Td (Other) Tj ET")
        out = io.BytesIO()
        opened.save(out)
    return out.getvalue()


# Plain changes.


@forgery
def one_bit_of_text(pdf):
    return pdf.replace(b"(Contract text 1)", b"(Contract text 7)", 1)


@forgery
def one_bit_of_signed_attributes(pdf):
    _, (_, before, after, _) = _range(pdf)
    content = bytearray.fromhex(pdf[before + 1 : after - 1].decode())
    place = content.find(bytes.fromhex("2a864886f70d010904")) + 15
    content[place] ^= 1
    return pdf[: before + 1] + bytes(content).hex().upper().encode() + pdf[after - 1 :]


@forgery
def certificate_swapped(pdf):
    """Another name in the certificate that comes along."""
    _, (_, before, after, _) = _range(pdf)
    content = bytearray.fromhex(pdf[before + 1 : after - 1].decode())
    place = content.find("山田".encode())
    content[place : place + 3] = "森".encode()
    return pdf[: before + 1] + bytes(content).hex().upper().encode() + pdf[after - 1 :]


@forgery
def cut_in_the_middle_of_the_update(pdf):
    first = pdf.find(b"%%EOF") + 6
    return pdf[:first]
