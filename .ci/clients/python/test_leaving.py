"""A client that gives up frees the service at once, and events arrive one by one.

Order is shown by handshake, never by the clock: the service holds each event
until it is told to go on.
"""

import json
import subprocess

import openai
import pytest
import requests
from conftest import HELLO, MODEL, ROUTER_URL

BODY = {"model": MODEL, "messages": HELLO, "stream": True, "max_tokens": 4}


def stepped(request_id):
    return {"X-Fake-Step": "1", "X-Fake-Id": request_id}


def test_client_timeout(client, service, request_id):
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=2).chat.completions.create(
            model=MODEL, messages=HELLO, extra_headers={"X-Fake-Hang": "1", "X-Fake-Id": request_id}
        )
    assert service.wait(request_id, "left")["left"]


def test_abort_of_a_stream(client, service, request_id):
    service.step(request_id)
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, extra_headers=stepped(request_id)
    )
    assert next(iter(stream)).choices[0].delta.role == "assistant"
    service.wait(request_id, "waiting", events=1)
    stream.close()
    assert service.wait(request_id, "left")["events"] == 1


def test_requests_reads_lines(service):
    with requests.post(ROUTER_URL + "/v1/chat/completions", json=BODY, stream=True, timeout=60) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        lines = [line for line in reply.iter_lines(decode_unicode=True) if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert all(c["object"] == "chat.completion.chunk" for c in chunks)
    assert len(lines) == 1 + 4 + 1 + 1  # role, tokens, finish, [DONE]


def test_curl_sees_each_event_before_the_next_is_sent(service, request_id):
    command = ["curl", "-sN", "--max-time", "120", ROUTER_URL + "/chat/completions", "-d", json.dumps(BODY)]
    for name, value in {"Content-Type": "application/json", **stepped(request_id)}.items():
        command += ["-H", f"{name}: {value}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        seen = []
        while True:
            # The service stands before event number len(seen) + 1: what curl
            # shows now cannot be due to an event that came after.
            at = service.wait(request_id, "waiting", events=len(seen))
            assert at["events"] == len(seen)
            service.step(request_id)
            line = curl.stdout.readline()
            assert line.startswith("data: "), line
            assert curl.stdout.readline() == "\n"
            seen.append(line)
            if line == "data: [DONE]\n":
                break
        assert curl.stdout.read() == ""
    assert curl.returncode == 0
    assert len(seen) == 1 + 4 + 1 + 1
