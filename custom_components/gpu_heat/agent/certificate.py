"""Making the agent's own key and certificate."""

from collections.abc import Iterable
from datetime import datetime, timedelta
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

COMMON_NAME = "gpu-heat-agent"

# Its fingerprint is pinned, so an end would protect nobody, and would cut the readings off.
VALID_FOR = timedelta(days=20 * 365)
_CLOCK_SLACK = timedelta(days=1)  # so that readers whose clocks are behind take it at once

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})*")

# cryptography is imported where it is needed, once in an agent's life: it takes some 10 MB.


def new_key() -> str:
    """Return a new ECDSA key on P-256 as PEM, not encrypted."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode("ascii")
    )


def new_certificate(key_pem: bytes, names: Iterable[str], now: datetime) -> str:
    """Return a self-signed certificate as PEM, for those of `names` that can be host names.

    Raises ValueError or TypeError for a key that `new_key` has not made.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an ECDSA key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.SubjectAlternativeName(_dns_names(names)), False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _dns_names(names: Iterable[str]) -> "list[x509.DNSName]":
    from cryptography import x509  # noqa: PLC0415

    wanted = dict.fromkeys([COMMON_NAME, "localhost", *(name.lower() for name in names)])
    return [x509.DNSName(name) for name in wanted if _HOST_NAME.fullmatch(name)]
