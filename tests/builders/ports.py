"""Ports of this machine."""

import socket


def free_port(host: str = "127.0.0.1") -> int:
    """A port of a loopback address that nobody listens at now."""
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])
