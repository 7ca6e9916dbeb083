"""What the policies in the path do, as a user of the client sees it."""

import json

from conftest import HELLO, MODEL

OTHER = "9g_8b_thinking"


def test_alias(client, service, request_id):
    reply = client.chat.completions.create(model="gpt-4", messages=HELLO, extra_headers={"X-Fake-Id": request_id})
    assert reply.choices[0].message.content
    assert service.wait(request_id, "done")["model"] == MODEL


def test_clamp(client, service, request_id):
    client.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=3.5, top_p=0.5, extra_headers={"X-Fake-Id": request_id}
    )
    got = json.loads(service.wait(request_id, "done")["body"])
    assert got == {"model": MODEL, "messages": HELLO, "temperature": 2, "top_p": 0.5}


def test_canary_override(client):
    for arm, model in {"stable": MODEL, "next": OTHER}.items():
        reply = client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers={"X-Canary": arm})
        assert reply.model == model


def test_canary_is_sticky_and_splits(client):
    def ask(user):
        return client.chat.completions.create(
            model="gpt-4o", messages=HELLO, max_tokens=1, extra_headers={"X-User": f"user-{user}"}
        ).model

    first = [ask(user) for user in range(40)]
    assert set(first) == {MODEL, OTHER}
    assert [ask(user) for user in range(40)] == first
