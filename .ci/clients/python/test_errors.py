"""What goes wrong arrives as the error class that a user of the client expects."""

import openai
import pytest
import requests
from conftest import HELLO, MODEL, OPENAI_ROUTER_URL, ROUTER_URL


def post(url, body, path="/v1/chat/completions"):
    return requests.post(url + path, data=body, headers={"Content-Type": "application/json"}, timeout=60)


@pytest.mark.parametrize("body", ["{", "[]", "", '{"model":1}', '{"model":"a","model":"b"}', "null"])
def test_bad_json(body):
    plain = post(ROUTER_URL, body)
    assert plain.status_code == 400
    assert plain.headers["Content-Type"] == "application/json"
    assert list(plain.json()) == ["error"] and isinstance(plain.json()["error"], str)
    shaped = post(OPENAI_ROUTER_URL, body)
    assert shaped.status_code == 400
    assert set(shaped.json()["error"]) == {"message", "type", "param", "code"}


def test_bad_request(client, strict_client):
    for c in (client, strict_client):
        with pytest.raises(openai.BadRequestError):
            c.chat.completions.create(model=5, messages=HELLO)


def test_unknown_model_plain(client):
    with pytest.raises(openai.InternalServerError) as failure:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert failure.value.status_code == 503
    assert "nope" in failure.value.response.json()["error"]


def test_unknown_model_openai(strict_client):
    with pytest.raises(openai.NotFoundError) as failure:
        strict_client.chat.completions.create(model="nope", messages=HELLO)
    assert failure.value.code == "model_not_found"
    assert "nope" in failure.value.message


def test_unknown_model_retrieve(client, strict_client):
    for c in (client, strict_client):
        with pytest.raises(openai.NotFoundError):
            c.models.retrieve("nope")


def test_the_services_own_errors_pass_through(client, strict_client):
    for c in (client, strict_client):
        with pytest.raises(openai.UnprocessableEntityError) as failure:
            c.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"top_k": "many"})
        assert failure.value.body == {
            "message": "top_k must be an integer.",
            "type": "UnprocessableEntityError",
            "param": "top_k",
            "code": 422,
        }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, openai.RateLimitError), (403, openai.PermissionDeniedError), (500, openai.InternalServerError)],
)
def test_statuses_pass_through(client, status, kind):
    with pytest.raises(kind) as failure:
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_headers={"X-Fake-Status": str(status)})
    assert failure.value.status_code == status


def test_router_timeout(strict_client, service, request_id):
    with pytest.raises(openai.InternalServerError) as failure:
        strict_client.chat.completions.create(
            model=MODEL, messages=HELLO, extra_headers={"X-Fake-Hang": "1", "X-Fake-Id": request_id}
        )
    assert failure.value.status_code == 504
    assert service.wait(request_id, "left")["left"]


def test_a_stream_cut_short_is_an_error(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, extra_headers={"X-Fake-Cut": "2"}
    )
    seen = 0
    with pytest.raises((openai.APIError, openai.APIConnectionError)):
        for _ in stream:
            seen += 1
    assert seen >= 3  # the role and two tokens had arrived


def test_a_reply_cut_short_is_an_error(client):
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_headers={"X-Fake-Cut": "1"})


def test_a_reset_connection_is_an_error(client):
    with pytest.raises(openai.InternalServerError) as failure:
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_headers={"X-Fake-Reset": "1"})
    assert failure.value.status_code == 502
