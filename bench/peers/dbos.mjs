// SPDX-License-Identifier: Apache-2.0
// DBOS: a workflow of three steps, whose results it keeps, started from one of its queues; the queue is looked at as often as it
// comes (once a second).
import { DBOS, DBOSClient } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { done, picked, serve } from "./common.mjs";

const systemDatabaseUrl = process.argv[2];
const quiet = { info() {}, debug() {}, warn() {}, error: (...a) => console.error(...a) };
const pool = new pg.Pool({ connectionString: systemDatabaseUrl, max: 1 });
let client;

const chain = DBOS.registerWorkflow(
  async () => {
    for (let i = 1; i <= 3; i++) await DBOS.runStep(async () => i, { name: "step" + i });
    done();
  },
  { name: "chain" },
);
const one = DBOS.registerWorkflow(async (key) => picked(key), { name: "one" });

async function launch() {
  DBOS.setConfig({ name: "bench", systemDatabaseUrl, systemDatabasePoolSize: 10, logger: quiet });
  await DBOS.launch();
  await DBOS.registerQueue("chains");
}

await serve({
  async start() {
    await launch();
    await DBOS.shutdown();
    client = await DBOSClient.create({ systemDatabaseUrl });
  },
  async enqueue(n) {
    for (let at = 0; at < n; at += 100)
      await Promise.all(
        Array.from({ length: Math.min(100, n - at) }, () => client.enqueue({ workflowName: "chain", queueName: "chains" })),
      );
  },
  work: launch,
  async settled() {
    while (Number((await pool.query("SELECT count(*) FROM dbos.workflow_status WHERE status <> 'SUCCESS'")).rows[0].count) > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  },
  send: (key) => client.enqueue({ workflowName: "one", queueName: "chains" }, key),
  async close() {
    await client.destroy();
    await DBOS.shutdown();
    await pool.end();
  },
});
