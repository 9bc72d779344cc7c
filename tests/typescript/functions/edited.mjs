// Code that a test exchanges between a run and its replay: GET /edition/NAME chooses which one the app has.

const WAYS = {
  first: ["a", "b", "c"],
  renamed: ["a", "better", "c"],
  reordered: ["a", "c", "b"],
  removed: ["a", "c"],
  added: ["a", "more", "b", "c"],
};

export default ({ client, define, journal }) => {
  const child = define("edited-child", ({ event }) => event.data);
  return [
    child,

    define("edited", async ({ run }) => {
      if (journal.edition === "raises") throw new TypeError("not any more");
      const seen = [];
      for (const id of WAYS[journal.edition] ?? WAYS.first) {
        try {
          const isRandom = journal.edition === "random" && id === "b";
          seen.push(await run(isRandom ? `b ${Math.random()}` : id));
        } catch (error) {
          seen.push(error.message);
        }
      }
      return seen;
    }),

    define("edited-group", async ({ run, step }) => {
      const side = journal.edition === "renamed" ? "straight" : "right";
      const nap = journal.edition === "longer" ? "2h" : "1h";
      const chain = async () => [await run("c1"), await run("c2")];
      const all = await Promise.all([run("left"), run(side), chain(), step.sleep("nap", nap)]);
      return [all[0], await run("join")];
    }),

    define("edited-inputs", async ({ step }) => {
      const other = journal.edition === "other";
      await step.invoke("ask", { function: child, data: { n: other ? 2 : 1 } });
      await step.waitForEvent("wait", { event: "ts/never", timeout: other ? "2m" : "1m" });
      return step.run("add", (a, b) => a + b, 1, other ? 3 : 2);
    }),
  ];
};
