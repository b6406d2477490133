import { describe, expect, it } from 'vitest';
import { EngineTurn } from '../../data-plane/proxy/client/engine-turn.js';

/** A turn in which the engine reads, and what ran in which phase of the loop. */
function reading() {
  const turn = new EngineTurn();
  const ran: string[] = [];
  turn.enterRead();
  return { turn, ran, note: (what: string) => () => void ran.push(what) };
}

const aTimerLater = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('the engine’s turn', () => {
  it('runs what may close a connection at once while nothing is read', () => {
    const ran: string[] = [];
    new EngineTurn().runClosing(() => ran.push('closed'));
    expect(ran).toEqual(['closed']);
  });

  it('puts writes off to the next turn of the loop, and closes behind them to a timer', async () => {
    const { turn, ran, note } = reading();
    turn.runClosing(note('closed'));
    turn.runClosing(note('closed too'));
    turn.run(note('written'));
    expect(ran).toEqual([]);
    setImmediate(note('after the turn'));
    await aTimerLater();
    expect(ran).toEqual(['written', 'after the turn', 'closed', 'closed too']);
  });

  it('closes nothing in what was put off, nor in the ticks that it leads to', async () => {
    const { turn, ran, note } = reading();
    turn.run(() => {
      turn.runClosing(note('closed'));
      process.nextTick(() => turn.runClosing(note('closed in a tick')));
    });
    setImmediate(note('after the turn'));
    await aTimerLater();
    expect(ran).toEqual(['after the turn', 'closed', 'closed in a tick']);
  });

  it('waits no longer once the turn is over', async () => {
    const { turn, ran, note } = reading();
    await aTimerLater();
    turn.runClosing(note('closed'));
    expect(ran).toEqual(['closed']);
  });
});
