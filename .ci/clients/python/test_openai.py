"""The official OpenAI client, unmodified, pointed at the router."""

import io
import json

import pytest
from conftest import HELLO, MODEL

TEXT_MODELS = [MODEL, "9g_8b_thinking"]


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_chat(client, model):
    reply = client.chat.completions.create(model=model, messages=HELLO)
    assert reply.object == "chat.completion"
    assert reply.model == model
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_every_parameter_reaches_the_service(client, service, request_id):
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Grüße, 世界 \U0001f600 \\ \" \n"}],
        "temperature": 0.25,
        "top_p": 0.5,
        "max_tokens": 3,
        "stop": ["\n\n"],
    }
    extra = {"top_k": 20, "repetition_penalty": 1.05, "chat_template_kwargs": {"enable_thinking": False}}
    reply = client.chat.completions.create(**asked, extra_body=extra, extra_headers={"X-Fake-Id": request_id})
    assert reply.usage.completion_tokens == 3
    assert reply.choices[0].finish_reason == "length"
    assert json.loads(service.wait(request_id, "done")["body"]) == asked | extra


def test_stream_says_what_the_whole_reply_says(client):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert all(c.object == "chat.completion.chunk" for c in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_stream_helper(client):
    with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


def test_completions(client):
    whole = client.completions.create(model=MODEL, prompt="Once upon a time")
    assert whole.object == "text_completion"
    assert whole.choices[0].text
    chunks = client.completions.create(model=MODEL, prompt="Once upon a time", stream=True)
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text


def test_models(client):
    models = client.models.list().data
    assert [m.id for m in models] == sorted(TEXT_MODELS)
    assert all(m.object == "model" and m.created > 0 for m in models)
    assert client.models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize("arguments", [{}, {"encoding_format": "float"}, {"dimensions": 4}])
def test_embeddings(client, arguments):
    reply = client.embeddings.create(model=MODEL, input=["a", "b", "a"], **arguments)
    vectors = [e.embedding for e in reply.data]
    assert all(isinstance(x, float) for v in vectors for x in v)
    assert vectors[0] == vectors[2] != vectors[1]
    assert len(vectors[0]) == arguments.get("dimensions", 16)


def test_responses(client):
    whole = client.responses.create(model=MODEL, input="hello")
    assert whole.status == "completed"
    assert whole.output_text
    events = list(client.responses.create(model=MODEL, input="hello", stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text


def test_moderations(client):
    assert client.moderations.create(model=MODEL, input="hello").results[0].flagged is False


def test_transcription_is_routed_by_its_form(client, service, request_id):
    sound = io.BytesIO(bytes(range(256)) * 400)
    sound.name = "sound.wav"
    reply = client.audio.transcriptions.create(
        model=MODEL, file=sound, extra_headers={"X-Fake-Id": request_id}
    )
    assert reply.text
    assert service.wait(request_id, "done")["model"] == MODEL


def test_speech(client):
    with client.audio.speech.with_streaming_response.create(model=MODEL, voice="alloy", input="hello there") as reply:
        sound = b"".join(reply.iter_bytes())
    assert sound[:4] == b"RIFF"
    assert len(sound) == 8 + int.from_bytes(sound[4:8], "little")


def test_images(client):
    reply = client.images.generate(model=MODEL, prompt="a cat", n=2)
    assert len(reply.data) == 2
    assert all(image.b64_json for image in reply.data)
