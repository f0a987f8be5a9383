"""DICOMweb STOW-RS (PS3.18 10.5): one object, one answer."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from ipaddress import ip_address

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom import Dataset, dcmread

from cxrreport.errors import ConfigurationError
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
        """Store an object. It is taken where the answer names it, and not where a page says that all is well."""
        dataset = dcmread(BytesIO(content))
        self._status = 0
        try:
            return self._read(self._client.store_instances([dataset]), dataset.SOPInstanceUID)
        except requests.HTTPError:
            return self._refusal()
        except requests.exceptions.SSLError:
            raise denied(self._target, "shows a certificate that is not trusted (setting `send_ca`)") from None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            raise unreachable(self._target, "does not answer") from None
        except requests.TooManyRedirects:
            raise denied(self._target, "leads to another address: name that one") from None
        except Exception:  # whatever the parsers raise at what stands in place of a data set
            if not self._status:
                raise
            return self._unclear()

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        """Keep the status, and of the media type what the client compares it with."""
        self._status = response.status_code
        response.headers["Content-Type"] = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def _read(self, said: Dataset, uid: str) -> Answer:
        """Read the Store Instances Response (PS3.18 table I.2-1)."""
        if failed := said.get("FailedSOPSequence"):
            reason = failed[0].get("FailureReason")
            return Answer(f"http {self._status}" + (f", reason 0x{reason:04X}" if reason else ""), REFUSED)
        taken = [one.get("ReferencedSOPInstanceUID") for one in said.get("ReferencedSOPSequence") or ()]
        return Answer(f"http {self._status}") if uid in taken else self._unclear()

    def _unclear(self) -> Answer:
        return Answer(f"http {self._status}, no readable answer", UNCLEAR)

    def _refusal(self) -> Answer:
        if self._status in _DENIED:
            raise denied(self._target, _DENIED[self._status])
        if self._status in _BUSY:
            raise unreachable(self._target, f"is busy (http {self._status})")
        return Answer(f"http {self._status}", REFUSED)


def _session(target: Target, settings: Settings) -> requests.Session:
    """Speaks to the target alone: no proxy and no password of the environment, no redirection. Raises ConfigurationError."""
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    if target.tls:
        tls_context(settings)  # tells which file is of no use
        session.verify = str(settings.send_ca) if settings.send_ca else True
        session.cert = str(settings.send_certificate) if settings.send_certificate else None
    if secret := settings.send_credentials.get(target.place):
        if not (target.tls or _is_here(target.host)):
            raise ConfigurationError(
                f"The credentials for {target.place} would go over the network in clear text: send by https.",
                "send.clear",
            )
        said = secret.get_secret_value()
        basic = f"Basic {b64encode(said.encode()).decode()}"
        session.headers["Authorization"] = basic if ":" in said else f"Bearer {said}"
    return session


def _is_here(host: str) -> bool:
    """Nothing that goes there leaves this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
