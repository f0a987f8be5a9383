"""DICOMweb STOW-RS (PS3.18 10.5): one object, one answer."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom import Dataset, dcmread

from cxrreport.export.send.protocol import REFUSED, UNCLEAR, Answer, Sender, denied, tls_context, unreachable
from cxrreport.export.send.targets import Target
from cxrreport.settings import Settings

_DENIED = {
    401: "wants other credentials (setting `send_credentials`)",
    403: "does not let this user store",
    404: "has no DICOMweb service at this path",
    405: "takes no objects at this path",
}
_BUSY = (408, 425, 429, 502, 503, 504)


class WebSender(Sender):
    """Stores by one request an object."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self._target = target
        self._status = 0  # of the last response
        url = f"{target.scheme}://{target.place}{target.path}"
        timeout_s = settings.send_timeout_s
        session = _session(target, settings)
        self._client = DICOMwebClient(url, session, callback=self._note, timeout=timeout_s)
        self._client.set_http_retry_params(retry=False)

    def send(self, content: bytes) -> Answer:
        """Store an object."""
        try:
            stored = self._client.store_instances([dcmread(BytesIO(content))])
        except requests.HTTPError:
            return self._refusal()
        except requests.exceptions.SSLError:
            raise denied(self._target, "shows a certificate that is not trusted (setting `send_ca`)") from None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            raise unreachable(self._target, "does not answer") from None
        except requests.TooManyRedirects:
            raise denied(self._target, "leads to another address: name that one") from None
        except (ValueError, LookupError, TypeError, AttributeError):  # what stands in place of a data set
            return Answer(f"http {self._status}, no readable answer", UNCLEAR)
        return self._answer(stored)

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        self._status = response.status_code

    def _answer(self, stored: Dataset) -> Answer:
        failed = stored.get("FailedSOPSequence")
        if not failed:
            return Answer(f"http {self._status}")
        reason = failed[0].get("FailureReason")
        return Answer(f"http {self._status}" + (f", reason 0x{reason:04X}" if isinstance(reason, int) else ""), REFUSED)

    def _refusal(self) -> Answer:
        if self._status in _DENIED:
            raise denied(self._target, _DENIED[self._status])
        if self._status in _BUSY:
            raise unreachable(self._target, f"is busy (http {self._status})")
        return Answer(f"http {self._status}", REFUSED)


def _session(target: Target, settings: Settings) -> requests.Session:
    """Speaks to the target alone: no proxy and no password of the environment, and no redirection."""
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    if target.tls:
        tls_context(settings)  # tells which file is of no use
        session.verify = str(settings.send_ca) if settings.send_ca else True
        session.cert = str(settings.send_certificate) if settings.send_certificate else None
    if secret := settings.send_credentials.get(target.place):
        said = secret.get_secret_value()
        basic = f"Basic {b64encode(said.encode()).decode()}"
        session.headers["Authorization"] = basic if ":" in said else f"Bearer {said}"
    return session
