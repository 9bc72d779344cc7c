// Steps side by side, each function as the SDK does it by default, with one call per group, and with one per step.

const MODES = { "": {}, "-optimized": { optimizeParallelism: true }, "-unoptimized": { optimizeParallelism: false } };

export default ({ define }) =>
  Object.entries(MODES).flatMap(([suffix, options]) => {
    const inMode = (id, handler) => define(`${id}${suffix}`, options, handler);
    return [
      inMode("together", async ({ run }) => {
        const all = await Promise.all([run("a"), run("b"), run("c")]);
        return [...all, await run("after")];
      }),

      inMode("wide", async ({ event, run }) => {
        const numbers = [...Array(event.data.steps).keys()];
        const all = await Promise.all(numbers.map((n) => run(`step ${n}`, () => n)));
        return run("sum", () => all.reduce((a, b) => a + b, 0));
      }),

      inMode("with-sleep", async ({ run, step }) => {
        const [a, slept] = await Promise.all([run("a"), step.sleep("nap", "1h")]);
        return [a, slept ?? null, await run("after")];
      }),

      inMode("race", async ({ run, step }) => {
        const slow = step.sleep("slow", "1h").then(() => "slow");
        const winner = await Promise.race([run("quick"), slow]);
        return [winner, await run("after")];
      }),

      inMode("race-of-steps", async ({ run }) => {
        const winner = await Promise.race([run("left", () => "either"), run("right", () => "either")]);
        return [winner, await run("after")];
      }),

      inMode("race-then-sleep", async ({ run, step }) => {
        await Promise.race([run("left"), run("right")]);
        await step.sleep("nap", "1h");
        return run("after");
      }),

      inMode("nested", async ({ run }) => {
        const left = async () => [await run("l1"), await run("l2"), await run("l3")];
        const right = async () => {
          const first = await run("r1");
          const middle = await Promise.all([run("r2"), run("r3"), Promise.all([run("r4"), run("r5")])]);
          return [first, ...middle.flat(), await run("r6")];
        };
        const [l, r] = await Promise.all([left(), right()]);
        return [...l, ...r, await run("join")];
      }),

      inMode("two-groups", async ({ run }) => {
        const first = await Promise.all([run("a"), run("b")]);
        const second = await Promise.all([run("c"), run("d")]);
        return [...first, ...second];
      }),

      inMode("same-id", ({ run }) => Promise.all([0, 1, 2].map((n) => run("twin", () => n)))),

      inMode("one-fails", async ({ run }) => {
        const failing = run("bad", () => {
          throw new Error("bad luck");
        });
        const settled = await Promise.allSettled([run("good"), failing]);
        return [settled.map(({ status }) => status), await run("after")];
      }),

      inMode("late-await", async ({ run }) => {
        const early = run("early");
        const then = await run("then");
        return [await early, then];
      }),

      inMode("mixed", async ({ run, step }) =>
        Promise.all([
          run("a"),
          step.sleep("nap", "1m"),
          step.waitForEvent("wait", { event: "ts/never", timeout: "2m" }),
          step.sendEvent("send", { name: "ts/none", data: {} }).then(({ ids }) => ids.length),
        ]),
      ),

      inMode("group-race", async ({ group, run, step }) => {
        const slow = () => step.sleep("slow", "1h").then(() => "slow");
        const winner = await group.parallel({ mode: "race" }, () => Promise.race([run("quick"), slow()]));
        return [winner, await run("after")];
      }),
    ];
  });
