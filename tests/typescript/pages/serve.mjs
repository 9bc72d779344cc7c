// Serves the functions of each compiled page below this folder at /PAGE, for an engine that INNGEST_DEV names.
// Usage: node serve.mjs NAMES PAGE...; NAMES are the reader's own functions, which must not be called.

import http from "node:http";
import { pathToFileURL } from "node:url";

import { serve } from "inngest/node";

const [names, ...pages] = process.argv.slice(2);
for (const name of names.split(",")) {
  globalThis[name] = async () => {
    throw new Error(`${name} ran for real: the recipe has to mock its step`);
  };
}

const handlers = {};
for (const page of pages) {
  const module = await import(pathToFileURL(`${process.cwd()}/${page}.js`));
  const functions = Object.values(module).filter((value) => value?.constructor?.name === "InngestFunction");
  handlers[`/${page}`] = serve({ client: functions[0].client, functions, servePath: `/${page}` });
}

const server = http.createServer((request, response) => {
  const handler = handlers[new URL(request.url, "http://app").pathname];
  if (handler) return handler(request, response);
  response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => console.error(`serving on http://127.0.0.1:${server.address().port}`));
