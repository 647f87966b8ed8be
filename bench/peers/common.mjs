// SPDX-License-Identifier: Apache-2.0
// What the drivers of the peers share.  A driver reads commands as lines on standard input and answers each with a line of JSON:
//
//   drain N    N chains of three steps are queued first, then worked off: seconds, processor time, steps
//   pickup N   N single jobs, one after the other while idle: milliseconds from the commit of each to its handler's start
//   quit
//
// A peer is {start(), enqueue(n), work(), send(key), close()} and calls done() at the end of a chain and picked(key) where a
// single job's handler starts.
import { createInterface } from "node:readline";

let wanted = 0;
let finished = 0;
let resolveAll = null;
const picks = new Map();

export function done() {
  if (++finished === wanted && resolveAll) resolveAll();
}

export function picked(key) {
  const at = performance.now();
  const resolve = picks.get(key);
  picks.delete(key);
  if (resolve) resolve(at);
}

const cpu = () => {
  const u = process.cpuUsage();
  return (u.user + u.system) / 1e6;
};

async function drain(peer, n) {
  wanted = n;
  finished = 0;
  await peer.enqueue(n);
  const all = new Promise((resolve) => (resolveAll = resolve));
  const began = performance.now();
  const used = cpu();
  await peer.work();
  await all;
  await peer.settled?.();
  return { seconds: (performance.now() - began) / 1000, cpu_seconds: cpu() - used, chains: n, steps: 3 };
}

async function pickup(peer, n) {
  const values = [];
  for (let i = 0; i < n; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    const key = "key" + i;
    const started = new Promise((resolve) => picks.set(key, resolve));
    await peer.send(key);
    const committed = performance.now();
    values.push((await started) - committed);
  }
  return { values };
}

export async function serve(peer) {
  await peer.start();
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, n] = line.trim().split(" ");
    if (what === "quit") break;
    const result = what === "drain" ? await drain(peer, Number(n)) : await pickup(peer, Number(n));
    console.log(JSON.stringify(result));
  }
  await peer.close();
  process.exit(0);
}
