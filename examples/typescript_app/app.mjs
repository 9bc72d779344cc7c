// The sample app: three workflows on the Inngest TypeScript SDK, as any team would write them.
// It knows nothing of Stepcue. Run it with `npm ci && INNGEST_DEV=1 npm start`; PORT is 3000 unless set.

import http from "node:http";

import { Inngest, NonRetriableError } from "inngest";
import { serve } from "inngest/node";

const inngest = new Inngest({ id: "shop" });

// Reserve, charge, ship and confirm: four steps, each a side effect of its own.
const processOrder = inngest.createFunction(
  { id: "process-order", name: "Process order", triggers: [{ event: "shop/order.created" }] },
  async ({ event, step }) => {
    const { orderId, items = [] } = event.data;

    await step.run("reserve-stock", () => ({ reservationId: `rsv-${orderId}`, items }));
    const charge = await step.run("charge-card", () => {
      const amount = items.reduce((sum, { price, quantity = 1 }) => sum + price * quantity, 0);
      return { chargeId: `ch-${orderId}`, amount };
    });
    const shipment = await step.run("create-shipment", () => ({ trackingNumber: `trk-${orderId}` }));
    await step.run("send-confirmation", () => `confirmation for ${orderId} sent`);

    return { orderId, charged: charge.amount, tracking: shipment.trackingNumber };
  },
);

// Welcome a new user, wait a moment, then wait for the first project or send a reminder.
const onboardUser = inngest.createFunction(
  { id: "onboard-user", name: "Onboard user", triggers: [{ event: "app/user.signup" }] },
  async ({ event, step }) => {
    const { userId } = event.data;

    await step.run("send-welcome", () => `welcome mail to ${userId}`);
    await step.sleep("let-them-look-around", "2s");
    const project = await step.waitForEvent("wait-for-first-project", {
      event: "app/project.created",
      match: "data.userId",
      timeout: "3d",
    });
    if (project === null) {
      await step.run("send-reminder", () => `reminder mail to ${userId}`);
      return { userId, activated: false };
    }
    return { userId, activated: true, project: project.data.name };
  },
);

// Fail for good on a file that no retry can mend.
const importInvoices = inngest.createFunction(
  { id: "import-invoices", name: "Import invoices", triggers: [{ event: "billing/import.requested" }] },
  async ({ event, step }) => {
    const { source = "" } = event.data;

    await step.run("download", () => ({ source, rows: 3 }));
    const invoices = await step.run("parse", () => {
      if (!source.endsWith(".csv")) {
        throw new NonRetriableError(`cannot read invoices from '${source}': not a .csv file`);
      }
      return ["inv-1", "inv-2", "inv-3"];
    });

    return { imported: invoices.length };
  },
);

const handler = serve({ client: inngest, functions: [processOrder, onboardUser, importInvoices] });

const server = http.createServer((request, response) => {
  if (new URL(request.url, "http://app").pathname === "/api/inngest") {
    handler(request, response);
  } else {
    response.writeHead(404).end("The Inngest endpoint is /api/inngest.\n");
  }
});

server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.error(`running on http://127.0.0.1:${server.address().port}`);
});
