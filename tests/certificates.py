"""Certificates for servers of the tests on loopback."""

import hashlib
from pathlib import Path
import ssl
import subprocess

_EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]


class Certificate:
    """A self-signed certificate of 127.0.0.1 with its key."""

    def __init__(self, folder: Path, name: str = "agent") -> None:
        self._paths = folder / f"{name}.pem", folder / f"{name}.key"
        certificate, key = map(str, self._paths)
        command = ["openssl", "req", "-x509", *_EC_KEY, "-days", "7300", "-subj", f"/CN={name}"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
        subprocess.run(command, check=True, capture_output=True)
        self.pem = self._paths[0].read_text()
        self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem)).hexdigest()

    def server(self) -> ssl.SSLContext:
        """Return the context of a server that shows it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._paths)
        return context
