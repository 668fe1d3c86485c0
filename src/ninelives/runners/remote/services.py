"""The two services between hosts, as their protos have them."""

from __future__ import annotations

from ninelives.runners.remote.channels import Method, Service
from ninelives.runners.remote.wire import handler_pb2 as h
from ninelives.runners.remote.wire import runner_pb2 as r

_ONE = "unary_unary"

HANDLER = Service(
    "ninelives.v1.HandlerService",
    {
        "Call": Method("stream_stream", h.FromRunner, h.ToRunner),
        "IsActive": Method(_ONE, h.IsActiveRequest, h.IsActiveResponse),
        "Health": Method(_ONE, h.HandlerHealthRequest, h.HandlerHealthResponse),
    },
)

RUNNER = Service(
    "ninelives.v1.RunnerService",
    {
        "Exports": Method(_ONE, r.ExportsRequest, r.ExportsResponse),
        "PutBuild": Method("stream_unary", r.BuildPiece, r.PutBuildResponse),
        "Prepare": Method(_ONE, r.PrepareRequest, r.PrepareResponse),
        "Start": Method(_ONE, r.StartRequest, r.StartResponse),
        "Stop": Method(_ONE, r.StopRequest, r.StopResponse),
        "RunnerHealth": Method(_ONE, r.RunnerHealthRequest, r.RunnerHealthResponse),
        "Health": Method(_ONE, r.HealthRequest, r.HealthResponse),
    },
)
