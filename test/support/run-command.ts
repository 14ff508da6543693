import { spawn } from 'node:child_process';
import { builtCommand } from './built-services.ts';
import type { TestDatabase } from './database.ts';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of jobs/cli as a process of its own, in an environment that holds nothing but what it needs. */
export function runCommandProcess(
  database: TestDatabase,
  command: string,
  { args = [], environment = {} }: { args?: string[]; environment?: Record<string, string> } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, builtCommand(command, args), {
      env: { PATH: process.env['PATH'], TZ: 'America/St_Johns', DATABASE_URL_JOBS: database.url('observability_jobs'), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended: Ended = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (ended.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (ended.stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ended, code }));
  });
}
