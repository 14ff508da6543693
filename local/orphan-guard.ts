import { spawn } from 'node:child_process';

/**
 * Signals `pid` when this process dies without having stopped it: SIGKILL and crashes run no handler, and a server
 * left behind holds its port and its data directory. The guard is a shell whose standard input is a pipe from us;
 * the kernel closes that pipe however we end.
 * @returns call it once `pid` has ended, before its number can be given to another program.
 */
export function signalWhenOrphaned(pid: number, signal: 'INT' | 'TERM'): () => void {
  const guard = spawn('/bin/sh', ['-c', `trap '' INT TERM HUP; cat >/dev/null; kill -${signal} ${pid} 2>/dev/null`], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without /bin/sh there is no guard; the stack itself works all the same.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return () => {
    // SIGKILL, because the shell must not get to its `kill` line; `cat` ends by the closed pipe.
    guard.kill('SIGKILL');
    guard.stdin.destroy();
  };
}
