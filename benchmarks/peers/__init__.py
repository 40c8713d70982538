"""The servers that are compared, each as a process of its own on a loopback port, with equal parameters."""

from benchmarks.peers.params import ServerParams
from benchmarks.peers.process import ServerFailedError, ServerProcess
from benchmarks.peers.servers import lsrv_server, make_peer, make_router

__all__ = ["ServerFailedError", "ServerParams", "ServerProcess", "lsrv_server", "make_peer", "make_router"]
