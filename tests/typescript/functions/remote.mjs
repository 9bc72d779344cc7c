// What the engine does for the app: signals, HTTP requests, questions to models.

export default ({ client, define, sdk }) => [
  define("wait-for-signal", { retries: 0 }, async ({ event, run, step }) => {
    const { onConflict = "fail", signal, timeout = "1h" } = event.data;
    const received = await step.waitForSignal("signal", { signal, timeout, onConflict });
    await run("after");
    return received;
  }),

  define("send-signal", ({ event, step }) => step.sendSignal("send", event.data)),

  define("fetch", { retries: 0 }, async ({ event, run, step }) => {
    const { url, ...init } = event.data;
    const response = await step.fetch(url, init);
    const body = await response.text();
    await run("after");
    return { status: response.status, header: response.headers.get("x-answer"), body };
  }),

  define("fetch-shim", { retries: 0 }, async ({ event }) => {
    const response = await sdk.fetch(event.data.url);
    return response.json();
  }),

  define("fetch-caught", { retries: 0 }, async ({ event, step }) => {
    try {
      await step.fetch(event.data.url);
    } catch (error) {
      return { name: error.name, message: error.message };
    }
  }),

  define("fetch-patiently", { retries: 2 }, async ({ event, run, step }) => {
    const response = await step.fetch(event.data.url);
    return [response.status, await run("after")];
  }),

  define("infer-patiently", { retries: 2 }, ({ event, step }) => {
    const model = step.ai.models.openai({ model: "m", apiKey: "k", baseUrl: event.data.baseUrl });
    return step.ai.infer("ask", { model, body: { messages: [] } });
  }),

  define("fetch-both", ({ event, step }) =>
    Promise.all(event.data.urls.map(async (url) => (await step.fetch(url)).json())),
  ),

  define("infer", { retries: 0 }, async ({ event, step }) => {
    const { apiKey, baseUrl, model, provider } = event.data;
    const options = { openai: {}, anthropic: { defaultParameters: { max_tokens: 9 } }, gemini: {} }[provider];
    const body = {
      openai: { messages: [{ role: "user", content: "why?" }] },
      anthropic: { messages: [{ role: "user", content: "why?" }] },
      gemini: { contents: [{ role: "user", parts: [{ text: "why?" }] }] },
    }[provider];
    return step.ai.infer("ask", { model: step.ai.models[provider]({ apiKey, baseUrl, model, ...options }), body });
  }),

  define("infer-caught", { retries: 0 }, async ({ event, step }) => {
    const model = step.ai.models.openai({ model: "m", apiKey: "k", baseUrl: event.data.baseUrl });
    try {
      return await step.ai.infer("ask", { model, body: { messages: [] } });
    } catch (error) {
      return { name: error.name, message: error.message };
    }
  }),
];
