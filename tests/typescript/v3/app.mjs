import * as sdk from "inngest";
import { serve } from "inngest/node";

import { start } from "../start.mjs";

start({
  sdk,
  serve,
  createFunction: (client, options, triggers, handler) => client.createFunction(options, triggers, handler),
  streaming: "force",
});
