import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type FuzzReport, runTarget, showInput } from './run-target.js';
import { targets } from './targets.js';

export interface ThreadJob {
  readonly target: string;
  readonly cases: number;
  readonly seed: number;
}

interface ThreadData {
  readonly job: ThreadJob;
  /** Number of the case, and the length of its input. */
  readonly progress: Int32Array<SharedArrayBuffer>;
  readonly input: Uint8Array<SharedArrayBuffer>;
}

/** Preparing a target takes a while; a case never takes so long. */
const stallMs = 20_000;
const maxShownBytes = 128 * 1024;

/** Runs a target in a thread and stops waiting if it no longer gets on, with the input it is at. */
export async function fuzzInThread(job: ThreadJob): Promise<FuzzReport> {
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const input = new Uint8Array(new SharedArrayBuffer(maxShownBytes));
  const data: ThreadData = { job, progress, input };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  const finished = new Promise<FuzzReport>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread ended with ${code}`)));
  });
  const watching = new AbortController();
  try {
    return await Promise.race([finished, stall(data, watching.signal)]);
  } finally {
    watching.abort();
    await worker.terminate();
  }
}

async function stall(data: ThreadData, signal: AbortSignal): Promise<FuzzReport> {
  for (let last = -1; ; ) {
    try {
      await delay(stallMs, undefined, { signal });
    } catch (error) {
      // The run is over; nobody looks at this report.
      if (!signal.aborted) throw error;
    }
    const cases = Atomics.load(data.progress, 0);
    if (cases === last || signal.aborted) return hung(data, cases);
    last = cases;
  }
}

function hung({ job, input, progress }: ThreadData, cases: number): FuzzReport {
  const shown = showInput(input.slice(0, Atomics.load(progress, 1)));
  const failure = `hangs in case ${cases} of seed ${job.seed}, input ${shown}`;
  return { target: job.target, cases, slowestMs: stallMs, grownBytes: 0, failure };
}

if (!isMainThread) {
  // Set by fuzzInThread, the only one to start this module as a thread.
  const { job, progress, input } = workerData as ThreadData;
  const target = targets.find(({ name }) => name === job.target);
  if (target === undefined) throw new Error(`no target ${job.target}`);
  const report = await runTarget(target, {
    cases: job.cases,
    seed: job.seed,
    onCase: (bytes) => {
      input.set(bytes.subarray(0, maxShownBytes));
      Atomics.store(progress, 1, Math.min(bytes.length, maxShownBytes));
      Atomics.add(progress, 0, 1);
    },
  });
  parentPort?.postMessage(report);
}
