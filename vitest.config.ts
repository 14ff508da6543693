import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closing-line.ts';
import { StacksFirst } from './test/support/stacks-first.ts';

// Far from UTC, by half an hour, and with daylight saving: a date that leans on the machine's zone is found out.
process.env['TZ'] = 'America/St_Johns';

const everyFile = {
  setupFiles: './test/support/check-answers.ts',
  env: { TZ: 'America/St_Johns' },
  pool: 'forks',
  // What waits for processes takes a few seconds; on a machine that is busy with other things, many times that.
  testTimeout: 60_000,
  hookTimeout: 120_000,
} as const;
const alone = 'local/first-answer.test.ts';

export default defineConfig({
  test: {
    globalSetup: './test/global-setup.ts',
    // Most of a file's time is waiting for real processes; on two cores the default is a single worker.
    maxWorkers: 4,
    sequence: { sequencer: StacksFirst },
    reporters: ['default', new ClosingLine()],
    projects: [
      { test: { ...everyFile, name: 'alone', include: [alone], sequence: { groupOrder: 0 } } },
      {
        test: {
          ...everyFile,
          name: 'side by side',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/.data/**', alone],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
