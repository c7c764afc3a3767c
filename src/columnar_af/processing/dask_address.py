"""Addresses of dask schedulers: what leaves this machine is encrypted, because it is code that the other side executes.

A dask client sends pickles, and so does a scheduler: whoever can reach one of them without certificates runs what he likes
under the user's name. An address beyond this machine has therefore to be ``tls://``, unless the user says otherwise.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError

ENCRYPTED = ("tls", "wss", "gateway")
"""Protocols of distributed that encrypt; dask-gateway's proxies are reached with TLS only."""

IN_PROCESS = "inproc"

HOW_TO_GIVE_CERTIFICATES = (
    "give --tls-ca, --tls-cert and --tls-key, or distributed.comm.tls.ca-file, .client.cert and .client.key in dask's "
    "configuration; from Python, a Client of your own or SchedulerAddress(address, security=Security(...))"
)


@dataclass(frozen=True)
class SchedulerAddress:
    """The address of a scheduler, with what is needed to talk to it.

    Attributes:
        address: As the scheduler prints it when it starts, for example ``tls://10.0.0.1:8786``.
        security: A ``distributed.security.Security``; None for that of dask's configuration.
        allow_unencrypted: Whether an address beyond this machine may do without encryption.
    """

    address: str
    security: Any | None = None
    allow_unencrypted: bool = False

    def checked_security(self) -> Any:
        """The security to connect with.

        Raises:
            ConfigError: The address is beyond this machine and not encrypted, or there are no certificates for it, or they
                cannot be used.
        """
        from distributed.security import Security  # noqa: PLC0415  # takes a second, and only dask executors need it

        security = Security() if self.security is None else self.security
        if protocol_of(self.address) == "tls":
            _require_certificates(self.address, security)
        elif not self.allow_unencrypted and is_in_the_clear(self.address):
            msg = f"the scheduler at {self.address} is on another machine, and the connection would not be encrypted"
            advice = (
                "start scheduler and workers with certificates and name tls://...; or, in a network where nobody else can "
                "reach them, add --allow-unencrypted"
            )
            raise ConfigError(msg, advice=advice)
        return security


def certificates(ca: Path | str, cert: Path | str, key: Path | str | None = None) -> Any:
    """The security of a client with these files.

    Args:
        ca: Certificate of the authority that signed those of the scheduler and the workers, PEM.
        cert: Our own certificate, PEM.
        key: Its key, PEM; None where it is in the same file.
    """
    from distributed.security import Security  # noqa: PLC0415  # as above

    return Security(
        tls_ca_file=str(ca),
        tls_client_cert=str(cert),
        tls_client_key=None if key is None else str(key),
        require_encryption=True,
    )


def protocol_of(address: str) -> str:
    """The protocol of an address; TCP where it names none."""
    protocol, separator, _ = address.partition("://")
    return protocol.lower() if separator else "tcp"


def is_in_the_clear(address: str) -> bool:
    """Whether what goes to an address leaves this machine without encryption."""
    protocol = protocol_of(address)
    return protocol not in (*ENCRYPTED, IN_PROCESS) and not _is_loopback(_host_of(address))


def _host_of(address: str) -> str:
    rest = address.partition("://")[2] or address
    rest = rest.partition("/")[0]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.rpartition(":")[0] or rest


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: what it stands for may change
        return host.lower() == "localhost"


def _require_certificates(address: str, security: Any) -> None:
    try:
        found = security.get_connection_args("client").get("ssl_context") is not None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = [security.tls_ca_file, security.tls_client_cert, security.tls_client_key]
        listed = ", ".join(str(name) for name in names if name)
        msg = f"the certificates for {address} cannot be used ({listed}): {error}"
        raise ConfigError(
            msg, advice="give files in PEM form, and the key that belongs to the certificate"
        ) from error
    if not found:
        msg = f"there are no certificates for {address}"
        raise ConfigError(msg, advice=HOW_TO_GIVE_CERTIFICATES)
