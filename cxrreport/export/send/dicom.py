"""DICOM C-STORE (PS3.4 annex B): one object, one status."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO
from typing import TYPE_CHECKING

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from cxrreport.errors import UnavailableError
from cxrreport.export.send.protocol import REFUSED, Answer, Sender, denied, tls_context, unreachable
from cxrreport.export.send.targets import Target
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import A_ASSOCIATE

_TAKEN = (0x0000, 0xB000, 0xB006, 0xB007)  # success; stored with elements coerced or left out (PS3.4 B.2.3)
_PERMANENT = 1  # PS3.8 9.3.4
_REASONS: dict[tuple[int | None, int | None], str] = {  # (source, reason) of a rejection
    (1, 2): "does not know the application context",
    (1, 3): "does not know our AE title (`?calling=`)",
    (1, 7): "is not the AE title that this system has",
}
_PLAIN = {ExplicitVRLittleEndian, ImplicitVRLittleEndian}  # every receiver knows one of them and gets that one


class DicomSender(Sender):
    """Keeps one association open, and asks for another where it has ended or another class of objects comes."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self._target = target
        self._ae = AE(ae_title=target.calling)
        self._ae.connection_timeout = self._ae.acse_timeout = self._ae.dimse_timeout = settings.send_timeout_s
        self._tls = (tls_context(settings), target.host) if target.tls else None
        self._kinds: dict[str, set[str]] = defaultdict(set)  # SOP class -> transfer syntaxes that were asked for
        self._association: Association | None = None

    def __exit__(self, *error: object) -> None:
        """Release the association."""
        self._release()

    def send(self, content: bytes) -> Answer:
        """Store an object."""
        dataset = dcmread(BytesIO(content))
        association = self._associated(dataset)
        taken = {
            syntax
            for context in association.accepted_contexts
            for syntax in context.transfer_syntax
            if context.abstract_syntax == dataset.SOPClassUID
        }
        if not taken:
            return Answer("no presentation context", REFUSED)
        if dataset.file_meta.TransferSyntaxUID not in taken | _PLAIN:
            dataset.decompress(generate_instance_uid=False)
        try:
            status = association.send_c_store(dataset)
        except RuntimeError:  # the other side has ended it since it was asked for
            status = Dataset()
        if "Status" not in status:
            association.abort()
            raise unreachable(self._target, "has ended the association, or does not answer")
        return Answer(f"status 0x{status.Status:04X}", "" if status.Status in _TAKEN else REFUSED)

    def _associated(self, dataset: Dataset) -> Association:
        """An association in which the class and the syntax of this object were asked for."""
        syntax = dataset.file_meta.TransferSyntaxUID
        wanted = _PLAIN | {syntax}
        known = wanted <= self._kinds[dataset.SOPClassUID]
        self._kinds[dataset.SOPClassUID] |= wanted
        if self._association is None or not known or not self._association.is_established:
            self._release()
            self._association = self._associate()
        return self._association

    def _release(self) -> None:
        if self._association and self._association.is_established:
            self._association.release()

    def _associate(self) -> Association:
        self._ae.requested_contexts = []
        for sop_class, syntaxes in self._kinds.items():
            self._ae.add_requested_context(sop_class, sorted(_PLAIN))
            for syntax in sorted(syntaxes - _PLAIN):  # a context of its own: the receiver chooses one of each
                self._ae.add_requested_context(sop_class, syntax)
        place = self._target.host, self._target.port
        try:
            association = self._ae.associate(*place, ae_title=self._target.called, tls_args=self._tls)
        except OSError:  # the name of the host leads nowhere
            raise unreachable(self._target, "has a host name that is not known here") from None
        if association.is_rejected:
            raise self._rejected(association.acceptor.primitive)
        if not association.is_established and not association.rejected_contexts:
            raise unreachable(self._target, "gives no association")
        return association

    def _rejected(self, said: A_ASSOCIATE | None) -> UnavailableError:
        why = _REASONS.get((said.result_source, said.diagnostic)) if said else None
        kind = denied if said and said.result == _PERMANENT else unreachable
        return kind(self._target, why or "refuses the association")
