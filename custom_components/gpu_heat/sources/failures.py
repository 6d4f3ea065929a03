"""What went wrong with a connection, in words for the person who set it up."""

import os
import ssl

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientSSLError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
)

# What OpenSSL says of bytes that are no TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


def what_failed(err: Exception) -> str:
    """Return why a request failed, without the host, which the reader gave."""
    if isinstance(err, ServerFingerprintMismatch):
        return "the certificate is another one"
    if isinstance(err, ClientConnectorCertificateError):
        refused = err.certificate_error
        return getattr(refused, "verify_message", "") or str(refused)
    if isinstance(err, ClientSSLError):
        cause = err.os_error
        if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
            return "what answers there speaks no TLS"
        return str(cause)
    if isinstance(err, ClientConnectorError):
        cause = err.os_error
        if cause.errno and cause.errno > 0:  # those of name resolution are below zero, or none
            return os.strerror(cause.errno)
        return cause.strerror or str(cause)
    if isinstance(err, ServerDisconnectedError):
        return "the connection was closed without an answer"
    return str(err) or type(err).__name__
