// A workflow of weeks, for tests that skip its time, replace its steps and break its calls.

const DAY = 86_400_000;

export default ({ define }) => [
  define("onboard", { retries: 4 }, async ({ event, run, step }) => {
    const charged = await run("charge", (times) => ({ id: `ch-${times}`, amount: event.data.amount }));
    await step.sleep("a-month", "30d");
    await step.sleepUntil("two-days", new Date(Date.now() + 2 * DAY));
    const [answer] = await Promise.all([
      step.waitForEvent("survey", { event: "ts/answered", timeout: "7d" }),
      run("note", () => "noted"),
    ]);
    let mailed;
    try {
      mailed = await run("mail", (times) => {
        if (times < (event.data.failures ?? 0) + 1) throw new Error(`smtp down ${times}`);
        return "mailed";
      });
    } catch (error) {
      mailed = `caught: ${error.message}`;
    }
    if (answer) await step.sendEvent("thank", { name: "ts/thanked", data: {} });
    return { amount: charged.amount, stars: answer?.data.stars ?? null, mailed };
  }),
];
