"""A certificate of our own making: browsers give a page the camera only over HTTPS, except on this machine itself."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import trustme


class Certificate(NamedTuple):
    """The files of a certificate and its private key, in PEM."""

    chain: Path
    key: Path


def make_certificate(folder: Path, names: Sequence[str]) -> Certificate:
    """Make a certificate for these names and addresses, in `folder`, in place of an earlier one.

    No authority vouches for it: a browser shows a warning once, which the user has to accept.

    Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    issued = trustme.CA(organization_name="livedream studio").issue_cert(*names)
    chain, key = folder / "certificate.pem", folder / "key.pem"
    key.unlink(missing_ok=True)
    # The mode is set when the file is made: there is no moment in which others can read the key.
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(issued.private_key_pem.bytes())
    chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    return Certificate(chain, key)
