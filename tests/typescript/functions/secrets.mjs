// Keys in code, as apps have them from their environment: none of them belongs into an answer or a log.

export default ({ define }) => [
  define("fetch-with-keys", { retries: 0 }, async ({ event, step }) => {
    const { origin, path, user = "" } = event.data;
    const host = user ? origin.replace("//", `//${user}:planted-password@`) : origin;
    const url = `${host}${path}?token=planted-query-token&sig=planted-signature&page=1`;
    const headers = {
      Authorization: "Bearer planted-bearer",
      Cookie: "session=planted-cookie",
      "X-Api-Key": "planted-api-key",
      "X-Plain": "shown-header",
    };
    const response = await step.fetch(url, { method: "POST", headers, body: JSON.stringify({ a: "shown-body" }) });
    return { status: response.status };
  }),

  define("infer-with-keys", { retries: 0 }, async ({ event, step }) => {
    const { origin, path, provider } = event.data;
    const body = { messages: [{ role: "user", content: "shown-question" }] };
    const model = step.ai.models[provider]({ apiKey: "planted-model-key", baseUrl: `${origin}${path}`, model: "m" });
    return step.ai.infer("ask", { model, body: provider === "gemini" ? { contents: [] } : body });
  }),
];
