// Waiting for events and for other functions.

export default ({ define, sdk }) => {
  const child = define("child", { retries: 0 }, async ({ event, step }) => {
    const { fail, n, nap } = event.data;
    if (nap) await step.sleep("nap", nap);
    if (fail) throw new Error("child failed");
    return n === undefined ? undefined : { doubled: n * 2, event: event.name };
  });

  const targets = {
    function: child,
    id: sdk.referenceFunction({ appId: "ts", functionId: "child" }),
    "id in the same app": sdk.referenceFunction({ functionId: "child" }),
    nobody: sdk.referenceFunction({ appId: "ts", functionId: "nobody" }),
  };

  return [
    child,

    define("wait", async ({ event, run, step }) => {
      const { options, isDate } = event.data;
      if (isDate) options.timeout = new Date(options.timeout);
      const found = await step.waitForEvent("approval", { event: "ts/approved", ...options });
      await run("after");
      return found === null ? null : { name: found.name, data: found.data, hasId: Boolean(found.id) };
    }),

    define("wait-twice", ({ step }) => {
      const wait = (id) => step.waitForEvent(id, { event: "ts/approved", timeout: "1h" });
      return Promise.all([wait("first"), wait("second")]).then((found) => found.map((event) => event?.data ?? null));
    }),

    define("wait-in-a-loop", async ({ step }) => {
      const seen = [];
      for (let i = 0; i < 3; i++) {
        const found = await step.waitForEvent("next", { event: "ts/next", timeout: "1h" });
        seen.push(found?.data.n ?? null);
      }
      return seen;
    }),

    define("wait-for-own-event", async ({ run, step }) => {
      const waits = step.waitForEvent("echo", { event: "ts/echo", timeout: "1h" });
      const sends = step.sendEvent("send", { name: "ts/echo", data: { n: 1 } });
      const [found] = await Promise.all([waits, sends]);
      return found?.data ?? null;
    }),

    define("invoke", { retries: 0 }, async ({ event, step }) => {
      const { data, target = "function", timeout } = event.data;
      try {
        return await step.invoke("ask", { function: targets[target], data, timeout });
      } catch (error) {
        return { caught: error.name, message: error.message, isStepError: error instanceof sdk.StepError };
      }
    }),

    define("invoke-many", ({ step }) =>
      Promise.all([1, 2, 3].map((n) => step.invoke("ask", { function: child, data: { n } }))),
    ),

    define("invoke-uncaught", { retries: 0 }, ({ step }) =>
      step.invoke("ask", { function: child, data: { fail: true } }),
    ),
  ];
};
