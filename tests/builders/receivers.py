"""Systems that receive, in this process: a DICOM archive, an HL7 receiver, a DICOMweb service. They answer as they are told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt
from pynetdicom.sop_class import Comprehensive3DSRStorage, SecondaryCaptureImageStorage

from builders.dicom import EXPLICIT, write_dicom
from builders.hl7 import message
from builders.programs import need

HOST = "127.0.0.1"
NAMES_A_PATIENT = "Poe, Jane (P1) is unknown here"  # what a server says of its own accord


# -- DICOM ------------------------------------------------------------------------------------------------------------


def dicom_object(
    folder: Path, uid: str = "1.2.826.1.1", sop_class: str = SecondaryCaptureImageStorage, syntax: str = EXPLICIT
) -> bytes:
    """A small object as a file of DICOM."""
    tags = {"SOPInstanceUID": uid, "SOPClassUID": sop_class}
    return write_dicom(folder / "object.dcm", np.zeros((8, 8), np.uint8), syntax, 8, **tags).read_bytes()


class Archive:
    """What `dicom_archive` yields. `statuses` are given in turn, 0 afterwards; -1 ends the association, without an answer."""

    def __init__(self, statuses: list[int]) -> None:
        self.statuses, self.port = statuses, 0
        self.stored: list[str] = []  # SOP Instance UIDs in the order of arrival
        self.syntaxes: list[str] = []  # in which they came
        self.associations = 0
        self.server: Any = None

    def store(self, event: Any) -> Dataset:
        """Take an object, or do not."""
        said = Dataset()
        said.Status = self.statuses.pop(0) if self.statuses else 0
        said.ErrorComment = NAMES_A_PATIENT
        if said.Status in (0, 0xB000):
            self.syntaxes.append(str(event.context.transfer_syntax))
            event.dataset  # noqa: B018  it can be read
            self.stored.append(str(event.request.AffectedSOPInstanceUID))
        if said.Status == -1:
            event.assoc.abort()
            said.Status = 0xC000
        return said

    def accept(self, _: Any) -> None:
        """Count an association."""
        self.associations += 1


@contextmanager
def dicom_archive(
    *statuses: int, port: int = 0, tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[Archive]:
    """Listen for C-STORE of the two classes that are sent.

    options : `title` of the archive, whether it must be `called` by it, the `callers` that it knows, `classes` of objects.
    """
    archive, ae = Archive(list(statuses)), AE(ae_title=options.get("title", "PACS"))
    ae.require_called_aet = options.get("called", False)
    ae.require_calling_aet = options.get("callers", [])
    for sop_class in options.get("classes", (SecondaryCaptureImageStorage, Comprehensive3DSRStorage)):
        ae.add_supported_context(sop_class, options.get("syntaxes", [EXPLICIT]))
    handlers = [(evt.EVT_C_STORE, archive.store), (evt.EVT_ACCEPTED, archive.accept)]
    server: Any = ae.start_server((HOST, port), block=False, evt_handlers=handlers, ssl_context=tls)
    archive.port, archive.server = server.server_address[1], server
    try:
        yield archive
    finally:
        ae.shutdown()


# -- HL7 --------------------------------------------------------------------------------------------------------------


def acknowledgement(code: str, control_id: str) -> str:
    """An ACK in its frame, with words of the receiver that name the patient."""
    rows = (r"MSH|^~\&|RIS|HOSP|||20240506||ACK|X1|P|2.5", f"MSA|{code}|{control_id}|{NAMES_A_PATIENT}")
    return "\x0b" + "\r".join(rows) + "\r\x1c\r"


@contextmanager
def hl7_receiver(*codes: str, control_id: str = "") -> Iterator[tuple[int, list[str]]]:
    """Run hl7apy's receiver; yields its port and the control ids that came. `codes` are given in turn, AA afterwards."""
    said, came = list(codes), list[str]()

    class Handler(AbstractHandler):
        def reply(self) -> str:
            own = parse_message(self.incoming_message).msh.msh_10.value
            came.append(own)
            return acknowledgement(said.pop(0) if said else "AA", control_id or own)

    server = MLLPServer(HOST, 0, {"ORU^R01": (Handler,), "ORU^R01^ORU_R01": (Handler,)})
    with _serving(server):
        yield server.server_address[1], came


@contextmanager
def blunt_receiver(answer: Callable[[bytes], bytes], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Read one frame a connection, write what `answer` makes of it and close; yields the port."""
    listening = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                if tls:
                    connection = tls.wrap_socket(connection, server_side=True)
                with connection:
                    said = b""
                    while not said.endswith(b"\x1c\r"):
                        said += connection.recv(4096)
                    connection.sendall(answer(said))
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def hl7_message(control_id: str = "M1") -> bytes:
    """A message as a format of the export makes it."""
    return message().replace("|M1|", f"|{control_id}|", 1).encode()


# -- DICOMweb ---------------------------------------------------------------------------------------------------------


Said = tuple[int, bytes] | tuple[int, bytes, str]


def stored_response(*uids: str) -> bytes:
    """The answer of a service that has stored these objects (PS3.18 table I.2-1)."""
    taken = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
    return json.dumps({"00081199": {"vr": "SQ", "Value": taken}}).encode()


class WebService(ThreadingHTTPServer):
    """Takes STOW-RS at /dicom-web/studies. `answers` are (status, body, media type) in turn, afterwards what is true."""

    def __init__(self, answers: list[Said]) -> None:
        self.answers = answers
        self.stored: list[str] = []
        self.asked: list[Mapping[str, str]] = []  # headers
        super().__init__((HOST, 0), _Stow)


class _Stow(BaseHTTPRequestHandler):
    server: WebService
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        self.server.asked.append(dict(self.headers))
        whole = message_from_bytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        parts = [BytesIO(part.get_payload(decode=True)) for part in whole.get_payload()]
        uids = [str(dcmread(part).SOPInstanceUID) for part in parts]
        answer: Said = self.server.answers.pop(0) if self.server.answers else (200, stored_response(*uids))
        status, said = answer[:2]
        if status == 200:
            self.server.stored += uids
        self.send_response(status)
        if status in (302, 307):
            self.send_header("Location", said.decode())
            said = b""
        self.send_header("Content-Type", answer[2] if len(answer) == 3 else "application/dicom+json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def web_service(*answers: Said, tls: ssl.SSLContext | None = None) -> Iterator[WebService]:
    """Run a DICOMweb service."""
    server = WebService(list(answers))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        yield server


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


# -- TLS --------------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 that signs itself, with its key, in one PEM file."""
    import subprocess

    path, key = folder / "server.pem", folder / "key.pem"
    command = [need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=here", "-addext", f"subjectAltName=IP:{HOST}"]
    subprocess.run([*command, "-keyout", key, "-out", path], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def server_context(pem: Path, client: Path | None = None) -> ssl.SSLContext:
    """What a server shows; with `client` it asks for a certificate that this one has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    if client:
        context.load_verify_locations(client)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
