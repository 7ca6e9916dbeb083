"""The official Anthropic client: its Messages API passes through the router."""

import anthropic
import pytest
from conftest import HELLO, MODEL


def test_message(claude):
    reply = claude.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert reply.type == "message"
    assert reply.content[0].text
    assert reply.stop_reason == "end_turn"
    assert reply.usage.output_tokens > 0


def test_stream(claude):
    whole = claude.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    with claude.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
    assert text == whole.content[0].text


def test_errors(claude):
    with pytest.raises(anthropic.UnprocessableEntityError):
        claude.messages.create(model=MODEL, max_tokens=0, messages=HELLO)
