// Serves the functions that pages show, each page at /api/inngest/NAME of it, on a free port, and says so.
// The folder given holds `shown.json`: {names: [...], pages: {NAME: [code, ...]}}; names stand for the reader's code.

import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import { join } from "node:path";

import { serve } from "inngest/node";
import ts from "typescript";

const folder = process.argv[2];
const { names, pages } = JSON.parse(await readFile(join(folder, "shown.json"), "utf8"));
for (const name of names) globalThis[name] ??= async () => "x";

const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };

/** The functions of all blocks of a page; they belong to one app, made anew in each block. */
async function handlerOf(page, codes) {
  const clients = [];
  for (const [number, code] of codes.entries()) {
    const file = join(folder, `${page}-${number}.mjs`);
    const source = `${code}\nexport { inngest as client };`;
    await writeFile(file, ts.transpileModule(source, { compilerOptions }).outputText);
    clients.push((await import(file)).client);
  }
  return serve({ client: clients[0], functions: clients.flatMap((client) => client.funcs) });
}

const handlers = new Map();
for (const [page, codes] of Object.entries(pages)) handlers.set(`/api/inngest/${page}`, await handlerOf(page, codes));

const server = http.createServer((request, response) => {
  handlers.get(new URL(request.url, "http://app").pathname)(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${server.address().port}`));
