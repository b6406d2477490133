import { expect, it } from 'vitest';
import { startOrClose } from '../../shared/closing.js';
import { silentLogger } from '../support/silent-logger.js';

it('a start that fails closes what it had started, in reverse, and says why it failed', async () => {
  const closed: string[] = [];
  const starting = startOrClose(silentLogger, async (closing) => {
    closing.add(() => closed.push('first'));
    closing.add(() => {
      throw new Error('would not close');
    });
    closing.add(() => closed.push('last'));
    throw new Error('would not start');
  });
  await expect(starting).rejects.toThrow('would not start');
  expect(closed).toEqual(['last', 'first']);
});
