// SPDX-License-Identifier: Apache-2.0
// pg-boss with large batches and the shortest interval that it allows, told of new work by notifyWorker() so that it does
// not wait for the interval.  A chain is three jobs, each of which inserts the next one.  Finished jobs stay until they
// are archived.
//
// The handler gets up to 500 jobs at once and inserts the next ones of all of them with one statement: the fastest way there is, for
// whoever writes handlers for many jobs.  With the argument "each" the handler sends the next job of each job, as most are written.
import PgBoss from "pg-boss";
import pg from "pg";
import { done, picked, serve } from "./common.mjs";

const boss = new PgBoss({ connectionString: process.argv[2], max: 10 });
boss.on("error", (error) => console.error(error));
const pool = new pg.Pool({ connectionString: process.argv[2], max: 1 });
let stepper;
let single;

const each = process.argv[3] === "each";

async function steps(jobs) {
  const next = jobs.filter((job) => job.data.left > 1).map((job) => ({ name: "step", data: { left: job.data.left - 1 } }));
  if (each) await Promise.all(next.map((job) => boss.send(job)));
  else if (next.length > 0) await boss.insert(next);
  for (const job of jobs) if (job.data.left <= 1) done();
  boss.notifyWorker(stepper);
}

await serve({
  async start() {
    await boss.start();
    await boss.createQueue("step");
    await boss.createQueue("one");
  },
  async enqueue(n) {
    for (let at = 0; at < n; at += 1000)
      await boss.insert(Array.from({ length: Math.min(1000, n - at) }, () => ({ name: "step", data: { left: 3 } })));
  },
  async work() {
    stepper = await boss.work("step", { batchSize: 500, pollingIntervalSeconds: 0.5 }, steps);
    single = await boss.work("one", { batchSize: 1, pollingIntervalSeconds: 0.5 }, async ([job]) => picked(job.data.key));
  },
  async settled() {
    while (Number((await pool.query("SELECT count(*) FROM pgboss.job WHERE name = 'step' AND state < 'completed'")).rows[0].count) > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  },
  async send(key) {
    await boss.send("one", { key });
    boss.notifyWorker(single);
  },
  async close() {
    await boss.stop({ graceful: false });
    await pool.end();
  },
});
