// Rows imported through Actual's own API (importTransactions), step by step into one account. The specification comes in
// and the answer goes out as JSON. Actual is kept from printing, which costs it. CPU is this process's own, its SQLite's included.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

console.log = console.info = console.warn = console.debug = () => {};
const spec = JSON.parse(readFileSync(0, "utf8"));
const api = createRequire(`${spec.modules}/`)("@actual-app/api");

await api.init({ dataDir: spec.folder });
let account;
await api.runImport("measured", async () => {
  account = await api.createAccount({ name: "Everyday account" });
});

const steps = [];
for (const step of spec.steps) {
  const rows = JSON.parse(readFileSync(step.rows, "utf8")).map(row => ({
    date: row.on,
    amount: row.units,
    payee_name: step.ids ? row.name : row.line,
    notes: row.truth,
    ...(step.ids ? { imported_id: row.truth } : {}),
  }));
  const cpu = process.cpuUsage();
  const began = performance.now();
  const done = await api.importTransactions(account, rows);
  const spent = process.cpuUsage(cpu);
  steps.push({
    cpu_s: (spent.user + spent.system) / 1e6,
    wall_s: (performance.now() - began) / 1e3,
    added: done.added.length,
  });
}
const held = await api.getTransactions(account, "1900-01-01", "2200-01-01");
const answer = { steps, held: held.map(each => each.notes), rss_peak_mib: process.resourceUsage().maxRSS / 1024 };
await api.shutdown();
process.stdout.write(JSON.stringify(answer) + "\n", () => process.exit(0));
