"""The wire formats of two language models: JSON, and server-sent events where a stream is asked for."""

from __future__ import annotations

import socket
from typing import Any

from libraries.servers.web import Answer, Effects, Request, events, serve


def _prompt(request: Request) -> str:
    content = request.json()["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content)


def _too_many(effects: Effects, prompt: str, error: dict[str, Any]) -> Answer | None:
    """Refuse the first two calls of a prompt that says so."""
    count = effects.append(prompt)
    if "limited" in prompt and count < 3:
        return Answer(error, 429, {"Retry-After-Ms": "1", "X-Should-Retry": "false", "Request-Id": f"r{count}"})
    return None


def _chat(request: Request, effects: Effects) -> Answer:
    prompt, asked = _prompt(request), request.json()
    error = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded", "param": None}}
    refused = _too_many(effects, f"openai: {prompt}", error)
    if refused:
        return refused
    base = {"id": "chat-1", "created": 1700000000, "model": asked["model"]}
    if asked.get("stream"):
        words = ["", *(f"{word} " for word in prompt.split())]
        choices = [{"index": 0, "delta": {"content": word}, "finish_reason": None} for word in words]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        chunks = [("", {**base, "object": "chat.completion.chunk", "choices": [choice]}) for choice in choices]
        return events(*chunks, ("", "[DONE]"))
    message: dict[str, Any] = {"role": "assistant", "content": prompt.upper(), "refusal": None}
    finish = "stop"
    if asked.get("tools") and asked["messages"][-1]["role"] == "user":
        function = {"name": "weather", "arguments": '{"city": "Paris"}'}
        message |= {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}
        finish = "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return Answer({**base, "object": "chat.completion", "choices": [choice], "usage": usage})


def _messages(request: Request, effects: Effects) -> Answer:
    prompt, asked = _prompt(request), request.json()
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    refused = _too_many(effects, f"anthropic: {prompt}", error)
    if refused:
        return refused
    base: dict[str, Any] = {"id": "msg-1", "type": "message", "role": "assistant", "model": asked["model"]}
    usage = {"input_tokens": 3, "output_tokens": 4}
    if not asked.get("stream"):
        content = [{"type": "text", "text": prompt.upper()}]
        ended = {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        return Answer({**base, "content": content, **ended})
    started = {**base, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    deltas = [{"type": "text_delta", "text": f"{word} "} for word in prompt.split()]
    datas: list[dict[str, Any]] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]
    return events(*((data["type"], data) for data in datas))


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    serve(listening, effects, {"POST /v1/chat/completions": _chat, "POST /v1/messages": _messages})
