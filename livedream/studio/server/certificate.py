"""A certificate of our own making: browsers give a page the camera only over HTTPS, except on this machine itself."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes

_LASTS = timedelta(days=30)
"""How long a certificate that is used again must still be valid."""


class Certificate(NamedTuple):
    """The files of a certificate and its private key, in PEM."""

    chain: Path
    key: Path
    fingerprint: str
    """SHA-256 of the certificate, as browsers show it: `1A:2B:...`."""


def certificate_for(folder: Path, names: Sequence[str]) -> Certificate:
    """Return the certificate in `folder`; a new one, if that is for other names or ends soon.

    No authority vouches for it: a browser shows a warning, which the user has to accept once for each certificate.

    Args:
        folder: where it is kept.
        names: the host names and addresses that it is for.

    Raises:
        OSError: it cannot be written.
    """
    chain, key = folder / "certificate.pem", folder / "key.pem"
    known = _read(chain, names) if key.is_file() else None
    if known is None:
        _make(chain, key, names)
        known = x509.load_pem_x509_certificate(chain.read_bytes())
    return Certificate(chain, key, known.fingerprint(hashes.SHA256()).hex(":").upper())


def _read(chain: Path, names: Sequence[str]) -> x509.Certificate | None:
    """Return the certificate in a file; None if it does not serve these names."""
    try:
        known = x509.load_pem_x509_certificate(chain.read_bytes())
        alternatives = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return None
    served = {str(name.value) for name in alternatives}
    return known if set(names) <= served and known.not_valid_after_utc > datetime.now(UTC) + _LASTS else None


def _make(chain: Path, key: Path, names: Sequence[str]) -> None:
    chain.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    issued = trustme.CA(organization_name="livedream studio").issue_cert(*names)
    key.unlink(missing_ok=True)
    # The mode is set when the file is made: there is no moment in which others can read the key.
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(issued.private_key_pem.bytes())
    chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
