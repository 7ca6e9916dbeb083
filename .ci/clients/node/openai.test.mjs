// The official OpenAI client for Node, unmodified, pointed at the router.
// ../run says what the environment holds.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import OpenAI, { APIConnectionTimeoutError, APIUserAbortError, toFile } from "openai";

const { ROUTER_URL, OPENAI_ROUTER_URL, SERVICE_URL } = process.env;
const model = "Qwen3-32B";
const messages = [{ role: "user", content: "hello" }];

// Retries would hide errors.
const client = new OpenAI({ baseURL: `${ROUTER_URL}/v1`, apiKey: "none", maxRetries: 0 });
const strict = new OpenAI({ baseURL: `${OPENAI_ROUTER_URL}/v1`, apiKey: "none", maxRetries: 0 });

// wait waits until the service has a request in that state.
async function wait(id, state, events = 0) {
  const reply = await fetch(`${SERVICE_URL}/fake/wait?id=${id}&state=${state}&events=${events}`);
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  return JSON.parse(text);
}

const step = (id) => fetch(`${SERVICE_URL}/fake/step?id=${id}`, { method: "POST" });

test("chat", async () => {
  const reply = await client.chat.completions.create({ model, messages });
  assert.equal(reply.object, "chat.completion");
  assert.equal(reply.choices[0].message.role, "assistant");
  assert.ok(reply.choices[0].message.content);
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
});

test("a stream says what the whole reply says", async () => {
  const whole = await client.chat.completions.create({ model, messages });
  const stream = await client.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(usage, whole.usage);
});

test("completions", async () => {
  const whole = await client.completions.create({ model, prompt: "Once upon a time" });
  let text = "";
  for await (const chunk of await client.completions.create({ model, prompt: "Once upon a time", stream: true })) {
    text += chunk.choices[0].text;
  }
  assert.ok(text);
  assert.equal(text, whole.choices[0].text);
});

test("alias", async () => {
  const id = randomUUID();
  await client.chat.completions.create({ model: "gpt-4", messages }, { headers: { "X-Fake-Id": id } });
  assert.equal((await wait(id, "done")).model, model);
});

test("models", async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.deepEqual(ids, ["9g_8b_thinking", model].sort());
  assert.equal((await client.models.retrieve(model)).id, model);
});

test("embeddings", async () => {
  for (const options of [{}, { encoding_format: "float" }]) {
    const reply = await client.embeddings.create({ model, input: ["a", "b", "a"], ...options });
    const [a, b, c] = reply.data.map((e) => e.embedding);
    assert.equal(a.length, 16);
    assert.deepEqual(a, c);
    assert.notDeepEqual(a, b);
  }
});

test("responses", async () => {
  const whole = await client.responses.create({ model, input: "hello" });
  assert.ok(whole.output_text);
  let text = "";
  for await (const event of await client.responses.create({ model, input: "hello", stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, whole.output_text);
});

test("a form is routed by its model", async () => {
  const file = await toFile(Buffer.alloc(100_000, 7), "sound.wav");
  assert.ok((await client.audio.transcriptions.create({ model, file })).text);
});

test("error classes", async () => {
  await assert.rejects(client.chat.completions.create({ model: 5, messages }), OpenAI.BadRequestError);
  await assert.rejects(client.chat.completions.create({ model: "nope", messages }), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.status, 503);
    return true;
  });
  await assert.rejects(strict.chat.completions.create({ model: "nope", messages }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
  await assert.rejects(client.models.retrieve("nope"), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ model, messages, top_k: "many" }), (error) => {
    assert.ok(error instanceof OpenAI.UnprocessableEntityError);
    assert.equal(error.param, "top_k");
    return true;
  });
  await assert.rejects(
    client.chat.completions.create({ model, messages }, { headers: { "X-Fake-Status": "429" } }),
    OpenAI.RateLimitError,
  );
});

test("a stream cut short is an error", async () => {
  const stream = await client.chat.completions.create(
    { model, messages, stream: true },
    { headers: { "X-Fake-Cut": "2" } },
  );
  let seen = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) seen++;
  });
  assert.ok(seen >= 3, `${seen} chunks`);
});

test("a client that times out frees the service", async () => {
  const id = randomUUID();
  await assert.rejects(
    client.chat.completions.create(
      { model, messages },
      { timeout: 2000, headers: { "X-Fake-Hang": "1", "X-Fake-Id": id } },
    ),
    APIConnectionTimeoutError,
  );
  assert.ok((await wait(id, "left")).left);
});

test("an aborted request frees the service", async () => {
  const id = randomUUID();
  const abort = new AbortController();
  const reply = client.chat.completions.create(
    { model, messages },
    { signal: abort.signal, headers: { "X-Fake-Hang": "1", "X-Fake-Id": id } },
  );
  const refused = assert.rejects(reply, APIUserAbortError);
  await wait(id, "arrived");
  abort.abort();
  await refused;
  assert.ok((await wait(id, "left")).left);
});

test("an aborted stream frees the service", async () => {
  const id = randomUUID();
  await step(id);
  const stream = await client.chat.completions.create(
    { model, messages, stream: true },
    { headers: { "X-Fake-Step": "1", "X-Fake-Id": id } },
  );
  for await (const chunk of stream) {
    assert.equal(chunk.choices[0].delta.role, "assistant");
    await wait(id, "waiting", 1);
    break; // ends the iteration, which aborts the request
  }
  stream.controller.abort();
  assert.equal((await wait(id, "left")).events, 1);
});
