// Serves the functions that pages show, each app of a page at /PAGE/APP, on a free port.
// The folder given holds `shown.json`: {names: [...], fail: "testing/", pages: {PAGE: [{name, code}, ...]}}. The names
// stand for the reader's code: it fails on pages below `fail`, and gives a text on others. Prints, as one line of JSON,
// its origin, the apps of each page, and why the others have none: {origin, apps: {PAGE: [APP]}, faults: {PAGE: why}}.

import { AsyncLocalStorage } from "node:async_hooks";
import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import { join } from "node:path";

import { serve } from "inngest/node";
import ts from "typescript";

const folder = process.argv[2];
const { names, fail, pages } = JSON.parse(await readFile(join(folder, "shown.json"), "utf8"));
const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };

const current = new AsyncLocalStorage();
for (const name of names) {
  globalThis[name] ??= async () => {
    if (current.getStore()?.startsWith(fail)) throw new Error(`${name} ran for real: the page has to mock its step`);
    return "x";
  };
}

/** The functions of all blocks of a page, by their app. */
async function appsOf(blocks) {
  const apps = {};
  for (const { name, code } of blocks) {
    const clients = [...code.matchAll(/^(?:export )?const (\w+) = new Inngest\(/gm)].map((match) => match[1]);
    const exported = clients.map((client, number) => `${client} as client${number}`).join(", ");
    const file = join(folder, `${name}.mjs`);
    await writeFile(file, ts.transpileModule(`${code}\nexport { ${exported} };`, { compilerOptions }).outputText);
    const module = await import(file);
    for (const number of clients.keys()) {
      const client = module[`client${number}`];
      if (client.funcs.length) (apps[client.id] ??= { client, functions: [] }).functions.push(...client.funcs);
    }
  }
  return apps;
}

const handlers = new Map();
const said = { apps: {}, faults: {} };
for (const [page, blocks] of Object.entries(pages)) {
  try {
    for (const [id, app] of Object.entries(await appsOf(blocks))) {
      const handler = serve(app);
      handlers.set(`/${page}/${id}`, (request, response) => current.run(page, handler, request, response));
      (said.apps[page] ??= []).push(id);
    }
  } catch (error) {
    said.faults[page] = String(error);
  }
}

const server = http.createServer((request, response) => {
  const handler = handlers.get(new URL(request.url, "http://app").pathname);
  if (handler) return handler(request, response);
  response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ origin: `http://127.0.0.1:${server.address().port}`, ...said }));
});
