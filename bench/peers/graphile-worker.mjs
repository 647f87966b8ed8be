// SPDX-License-Identifier: Apache-2.0
// graphile-worker with 24 jobs at a time and batched completion, as its page on performance recommends (its local queue made chains
// slower: each step waits for the next look).  A chain is three jobs, each of which adds the next one.  Finished jobs are
// deleted: it keeps no history.
import { makeWorkerUtils, run, Logger } from "graphile-worker";
import pg from "pg";
import { done, picked, serve } from "./common.mjs";

const connectionString = process.argv[2];
const pool = new pg.Pool({ connectionString, max: 10 });
pool.on("error", (error) => console.error(error));
const logger = new Logger(() => () => {});
let utils;
let runner;

async function step({ left }, helpers) {
  if (left > 1) await helpers.addJob("step", { left: left - 1 });
  else done();
}

await serve({
  async start() {
    utils = await makeWorkerUtils({ pgPool: pool, logger });
    await utils.migrate();
  },
  async enqueue(n) {
    await pool.query("SELECT graphile_worker.add_job('step', '{\"left\": 3}') FROM generate_series(1, $1)", [n]);
  },
  async work() {
    runner = await run({
      connectionString,
      logger,
      noHandleSignals: true,
      taskList: { step, one: ({ key }) => picked(key) },
      preset: {
        worker: { concurrentJobs: 24, maxPoolSize: 10, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
    });
  },
  async settled() {
    while (Number((await pool.query("SELECT count(*) FROM graphile_worker._private_jobs")).rows[0].count) > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  },
  send: (key) => utils.addJob("one", { key }),
  async close() {
    await runner?.stop();
    await utils.release();
    await pool.end();
  },
});
