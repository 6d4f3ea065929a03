"""TLS with a certificate that the owner brings."""

import hashlib
import ssl

from .config import ServerConfig, TlsMode
from .errors import UsageError


def ssl_context(server: ServerConfig) -> ssl.SSLContext | None:
    """Return the server's context, None where TLS is off. Raises UsageError."""
    if server.tls is TlsMode.OFF:
        return None
    if server.tls is TlsMode.SELF_SIGNED:
        raise UsageError("tls self-signed: not built yet; use --tls off or --tls files")
    if server.certificate is None or server.key is None:
        raise UsageError("tls files: set server.certificate and server.key in the config file")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(server.certificate, server.key, password=_no_password)
    except (OSError, ValueError) as err:
        raise UsageError(
            f"{server.certificate}, {server.key}: no usable certificate and key ({err})"
        ) from err
    return context


def fingerprint(server: ServerConfig) -> str | None:
    """Return the SHA-256 of the certificate in hex, None where TLS is off. Raises UsageError."""
    if ssl_context(server) is None or server.certificate is None:
        return None
    text = server.certificate.read_text(encoding="ascii", errors="replace")
    begin = text.index(ssl.PEM_HEADER)
    end = text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begin:end])).hexdigest()


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one that is not")
