"""Runners on other hosts: the manager that a worker has, and the service that a host offers, over gRPC with mutual TLS.

The only part of ninelives that needs grpcio and protobuf: ``pip install 'ninelives[remote]'``.
"""
