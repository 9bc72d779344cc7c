// Loaded before the app of a page: whatever port it asks for, it listens on a free one and says so.

import net from "node:net";

const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (...given) {
  const listening = given.find((argument) => typeof argument === "function");
  return listen.call(this, 0, "127.0.0.1", () => {
    console.log(`serving on http://127.0.0.1:${this.address().port}`);
    listening?.call(this);
  });
};
