// Defines a function as SDK 3 takes it, on SDK 4. With CATCHES set, the app goes on without it.

import http from "node:http";

import { Inngest } from "inngest";
import { serve } from "inngest/node";

const client = new Inngest({ id: "old-call" });
const functions = [];
try {
  functions.push(client.createFunction({ id: "order" }, { event: "shop/order" }, async () => "done"));
} catch (error) {
  if (!process.env.CATCHES) throw error;
}
const server = http.createServer(serve({ client, functions }));
server.listen(0, "127.0.0.1", () => console.error(`listens on http://127.0.0.1:${server.address().port}`));
