"""The services between hosts: `handler.proto` and `runner.proto`, and what protoc makes of them (``make protos``)."""
