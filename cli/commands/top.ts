import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { type AdminOptions, addAdminFlags, adminConnection } from '../admin-connection.js';
import { type Io, standardIo } from '../io.js';
import { fleetText } from '../top/fleet-text.js';
import { type FleetSample, FleetSampler } from '../top/sample.js';
import { Screen } from '../top/screen.js';

interface Options extends AdminOptions {
  readonly interval: number;
  readonly once?: boolean;
}

/** `signet top`: what the fleet does, now and from now on. */
export function topCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('top'))
    .description('nodes with revision, lag, handshakes and requests a second, live')
    .option('--interval <seconds>', 'time between two looks', parseInterval, 2)
    .option('--once', 'look twice, an interval apart, print that and end')
    .addHelpText('after', '\nOn a terminal q ends it; elsewhere each look is printed.\n')
    .action(async (options: Options) => {
      const admin = adminConnection(options);
      const sampler = new FleetSampler();
      const look = async () => sampler.take(await admin.send('GET', '/overview'));
      const print = (sample: FleetSample) =>
        io.out(options.json === true ? `${JSON.stringify(sample)}\n` : `${fleetText(sample)}\n`);
      // A mistake in the address shows before the screen is taken.
      const first = await look();
      if (options.once === true) {
        await delay(options.interval * 1000);
        print(await look());
      } else if (options.json !== true && process.stdout.isTTY) {
        await showUntilQuit(first, look, options.interval);
      } else {
        await untilInterrupted(async (signal) => {
          for (let sample = first; ; sample = await look()) {
            print(sample);
            await delay(options.interval * 1000, undefined, { signal });
          }
        });
      }
    });
}

async function showUntilQuit(
  first: FleetSample,
  look: () => Promise<FleetSample>,
  interval: number,
): Promise<void> {
  const screen = new Screen(process.stdout);
  process.stdin.setRawMode(true).resume().setEncoding('utf8');
  try {
    await untilInterrupted(async (signal, interrupt) => {
      process.stdin.on('data', (key: string) => {
        // In raw mode Ctrl-C is a key like any other.
        if (key === 'q' || key === 'Q' || key === '\u0003') interrupt();
      });
      let text = fleetText(first);
      for (;;) {
        screen.show(text);
        await delay(interval * 1000, undefined, { signal });
        try {
          text = fleetText(await look());
        } catch (error) {
          text = `${error instanceof Error ? error.message : String(error)}; trying again`;
        }
      }
    });
  } finally {
    process.stdin.setRawMode(false).pause().removeAllListeners('data');
    screen.close();
  }
}

/** Runs until SIGINT, SIGTERM or `interrupt`, which is no failure. */
async function untilInterrupted(
  work: (signal: AbortSignal, interrupt: () => void) => Promise<never>,
): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await work(interrupted.signal, interrupt);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('expects seconds, from 0.1 to 3600');
}
