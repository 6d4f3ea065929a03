"""TLS with the agent's own certificate, or with one that the owner brings."""

from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
from pathlib import Path
import socket
import ssl

from .certificate import new_certificate, new_key
from .config import Config, ServerConfig, TlsMode
from .errors import UsageError
from .state_dir import StateDir


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A certificate and its key; `remedy` is what to do where they cannot be used."""

    certificate: Path
    key: Path
    remedy: str = "correct server.certificate and server.key in the config file"

    def context(self) -> ssl.SSLContext:
        """Return what the server needs. Raises UsageError."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as err:
            raise self.fault(err) from err
        return context

    def fingerprint(self) -> str:
        """Return the certificate's SHA-256 in lower-case hex. Raises UsageError."""
        self.context()  # of what cannot be served nothing is told
        try:
            text = self.certificate.read_text(encoding="ascii", errors="replace")
            begin = text.index(ssl.PEM_HEADER)  # the first one is the server's
            end = text.index(ssl.PEM_FOOTER, begin) + len(ssl.PEM_FOOTER)
            der = ssl.PEM_cert_to_DER_cert(text[begin:end])
        except (OSError, ValueError) as err:
            raise self.fault(err) from err
        return hashlib.sha256(der).hexdigest()

    def fault(self, err: Exception) -> UsageError:
        """Return the error that names the files."""
        files = f"{self.certificate}, {self.key}"
        return UsageError(f"{files}: no usable certificate and key ({err}); {self.remedy}")


def given(server: ServerConfig) -> Credentials | None:
    """Return the owner's files where `tls` says so. Raises UsageError where they are of no use."""
    if server.tls is not TlsMode.FILES:
        return None
    if server.certificate is None or server.key is None:
        raise UsageError("tls files: set server.certificate and server.key in the config file")
    credentials = Credentials(certificate=server.certificate, key=server.key)
    credentials.context()
    return credentials


def credentials(config: Config, folder: StateDir) -> Credentials | None:
    """Return what to serve with, made at the first call; None where TLS is off.

    Raises UsageError.
    """
    if config.server.tls is TlsMode.SELF_SIGNED:
        return _own(folder, config.name)
    return given(config.server)


def _own(folder: StateDir, name: str) -> Credentials:
    """Return the pair in the state folder.

    The key comes first and a certificate is made of the key that is there, so that whatever two
    processes make at once fits together.
    """
    key, certificate = folder.path / "key.pem", folder.path / "certificate.pem"
    pair = Credentials(
        certificate=certificate,
        key=key,
        remedy="remove both to have new ones made. The fingerprint changes then, and Home "
        "Assistant asks whether that is right",
    )

    def make_certificate() -> str:
        names = [name, socket.gethostname()]
        return new_certificate(key.read_bytes(), names, datetime.now(UTC))

    try:
        folder.keep_secret(key.name, new_key)
        folder.keep(certificate.name, make_certificate)
    except OSError as err:  # to remove them would not help, but change the fingerprint
        remedy = "give a folder that can be written with --state-dir"
        raise UsageError(f"{certificate}, {key}: {err.strerror}; {remedy}") from err
    except (TypeError, ValueError) as err:
        raise pair.fault(err) from err
    return pair


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one that is not")
