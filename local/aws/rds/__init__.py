"""RDS: instances are MariaDB servers on loopback addresses of their own, snapshots copies of their data.

Unlike RDS, and why:

- There is one engine, the MariaDB that is installed. An instance of another offered version says that version, and
  its data is served by the installed one.
- A parameter group's settings reach a server only where they are known and harmless (``parameters``): those by the
  size of a machine, or for files and replication, mean nothing here.
- The master user can drop ``rdsadmin``, which RDS prevents. The instance then never starts again.
- Encryption is told of, and its key must be usable; nothing is encrypted. Nor is a connection.
- No automated snapshots, read replicas, clusters, proxies, copies or renaming: such a call is an unknown action.
- Security groups are told of and not enforced: everything is loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws.server import Server


def install(server: Server) -> None:
    """See ``local.aws.rds.service.install``, loaded only now: it needs ministack, the rest of the package does not."""
    from local.aws.rds.service import install as install_service

    install_service(server)
