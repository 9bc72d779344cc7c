// Defines a function as SDK 4 takes it, on SDK 3.

import http from "node:http";

import { Inngest } from "inngest";
import { serve } from "inngest/node";

const client = new Inngest({ id: "new-call" });
const functions = [client.createFunction({ id: "order", triggers: [{ event: "shop/order" }] }, async () => "done")];
const server = http.createServer(serve({ client, functions }));
server.listen(0, "127.0.0.1", () => console.error(`listens on http://127.0.0.1:${server.address().port}`));
