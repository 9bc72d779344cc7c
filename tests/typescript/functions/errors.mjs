// What fails, how often it is tried again, and what can be caught.

class CardError extends Error {
  name = "CardError";
}

const raise = (error) => {
  throw error;
};

export default ({ define, journal, sdk }) => {
  const { NonRetriableError, RetryAfterError, StepError } = sdk;
  const describe = (error) => ({
    name: error.name,
    message: error.message,
    cause: error.cause?.message ?? null,
    isStepError: error instanceof StepError,
  });
  const circle = {};
  circle.self = circle;
  const unserializable = { bigint: 1n, circle };
  const retryAfter = ({ ms, isDate }) => new RetryAfterError("busy", isDate ? new Date(Date.now() + ms) : ms);

  return [
    define("flaky", async ({ event, run }) => {
      await run("before");
      return run("fetch", (time) => (time > event.data.failures ? "ok" : raise(new Error(`not yet, ${time}`))));
    }),

    define("flaky-function", async ({ call, event, run }) => {
      await run("before");
      if (call <= event.data.failures + 1) throw new Error("not yet");
      return run("after");
    }),

    define("rollback", { retries: 1 }, async ({ run }) => {
      await run("reserve");
      try {
        await run("charge", () => raise(new CardError("declined", { cause: new Error("no money") })));
      } catch (error) {
        return [await run("release"), describe(error)];
      }
    }),

    define("no-retries", { retries: 0 }, ({ run }) => run("charge", () => raise(new CardError("declined")))),

    define("no-retries-outside", { retries: 0 }, () => raise(new CardError("declined"))),

    define("non-retriable-caught", async ({ run }) => {
      try {
        await run("parse", () => raise(new NonRetriableError("no such file")));
      } catch (error) {
        return [await run("after"), describe(error)];
      }
    }),

    define("non-retriable-uncaught", ({ run }) =>
      run("parse", () => raise(new NonRetriableError("no such file", { cause: new Error("disk") }))),
    ),

    define("non-retriable-outside", () => raise(new NonRetriableError("no such customer"))),

    define("retry-after", ({ event, run }) =>
      run("fetch", (time) => (time > 1 ? "ok" : raise(retryAfter(event.data)))),
    ),

    define("retry-after-outside", ({ call, event }) => (call > 1 ? "ok" : raise(retryAfter(event.data)))),

    define("not-serializable-step", { retries: 0 }, ({ event, run }) =>
      run("odd", () => unserializable[event.data.value]),
    ),

    define("not-serializable-result", { retries: 0 }, ({ event }) => unserializable[event.data.value]),

    define("throws-text", { retries: 0 }, ({ run }) => run("odd", () => raise("just text"))),

    define("throws-text-outside", { retries: 0 }, () => raise("just text")),

    define("throws-object", { retries: 0 }, ({ run }) => run("odd", () => raise({ code: 42 }))),

    define("catch-and-go-on", { retries: 0 }, async ({ run }) => {
      const seen = [];
      for (const n of [1, 2, 3]) {
        seen.push(await run(`try ${n}`, () => (n === 2 ? raise(new Error("second")) : n)).catch((e) => e.message));
      }
      return seen;
    }),

    define(
      "doomed",
      {
        retries: 0,
        onFailure: ({ error, event }) => {
          const { run_id: runId, function_id: functionId, event: original } = event.data;
          journal.note(runId, JSON.stringify([functionId, original.data, error.name, error.message]));
        },
      },
      ({ run }) => run("charge", () => raise(new CardError("declined"))),
    ),

    define(
      "doomed-twice",
      {
        retries: 0,
        onFailure: ({ event }) => {
          journal.note(event.data.run_id, "handler");
          throw new NonRetriableError("the handler fails too");
        },
      },
      () => raise(new Error("doomed")),
    ),
  ];
};
