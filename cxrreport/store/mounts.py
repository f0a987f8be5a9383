"""File systems of other machines, on which SQLite cannot be trusted."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# https://www.sqlite.org/wal.html: all processes on a WAL must share memory, so be on one machine
NETWORK = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs", "ocfs2", "gfs2",
}  # fmt: skip
_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs")


def network_kind(path: Path) -> str | None:
    """The kind of the network file system that holds `path`; None where it is a local one, or the system lists none."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    real, found = os.path.realpath(path), ("", "")
    for point, kind in (_parse(line) for line in lines):
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found[0]):  # the later one covers
            found = point, kind
    return found[1] if found[1] in NETWORK or found[1].startswith(_FUSE) else None


def _parse(line: str) -> tuple[str, str]:
    """Mount point and kind of one line; fstab(5) writes a space as \\040, and so on."""
    _, point, kind, *_ = [*line.split(" "), "", "", ""]
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point), kind
