"""What the suites share: clients of the running router, and its services' controls.

The script `run` beside this folder starts the router and its services and sets

    ROUTER_URL         a router with default settings and policies
    OPENAI_ROUTER_URL  one with error_format = "openai" and a request timeout of one second
    SERVICE_URL        the service behind model Qwen3-32B of both
"""

import os
import uuid

import anthropic
import openai
import pytest
import requests

ROUTER_URL = os.environ["ROUTER_URL"]
OPENAI_ROUTER_URL = os.environ["OPENAI_ROUTER_URL"]
SERVICE_URL = os.environ["SERVICE_URL"]
MODEL = "Qwen3-32B"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="session")
def client():
    """The official client as a user has it, but for retries, which would hide errors."""
    with openai.OpenAI(base_url=ROUTER_URL + "/v1", api_key="none", max_retries=0) as c:
        yield c


@pytest.fixture(scope="session")
def strict_client():
    """A client of the router that speaks OpenAI's error format."""
    with openai.OpenAI(base_url=OPENAI_ROUTER_URL + "/v1", api_key="none", max_retries=0) as c:
        yield c


@pytest.fixture(scope="session")
def claude():
    with anthropic.Anthropic(base_url=ROUTER_URL, api_key="none", max_retries=0) as c:
        yield c


class Service:
    """The controls of the fake service: what it saw, and when its streams go on."""

    def wait(self, request_id, state, events=0):
        """Waits until the request is arrived, waiting at its gate, done or left."""
        reply = requests.get(
            SERVICE_URL + "/fake/wait", params={"id": request_id, "state": state, "events": events}, timeout=60
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    def step(self, request_id):
        requests.post(SERVICE_URL + "/fake/step", params={"id": request_id}, timeout=60).raise_for_status()


@pytest.fixture(scope="session")
def service():
    return Service()


@pytest.fixture
def request_id():
    return uuid.uuid4().hex
