"""PDFs as a hospital's printer makes them, and as a scanner does."""

from __future__ import annotations


def pdf(*pages: str) -> bytes:
    """Return a PDF with these texts as its pages; a blank page shows a picture."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode()]
    for number, page in enumerate(pages):
        lines = (line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in page.splitlines())
        shown = "".join(f"({line}) Tj T* " for line in lines)
        content = f"BT /F 11 Tf 72 720 Td 14 TL {shown}ET" if page else "q 500 0 0 700 0 0 cm /Im Do Q"
        font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /Resources << {font} >> /Contents {4 + 2 * number} 0 R >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content.encode("latin-1")),
        ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return out + end % (len(objects) + 1, table, len(objects) + 1, len(out))
