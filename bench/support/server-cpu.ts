import { readdirSync, readFileSync } from 'node:fs';
import type { Queryable } from '../../platform/postgres/pool.ts';

/** Linux counts in hundredths of a second, whatever the kernel's own clock. */
const msPerTick = 10;

/** A clock of the CPU time that a PostgreSQL server took, all of its processes together, in ms. Linux only. */
export async function serverCpuClock(db: Queryable): Promise<() => number> {
  const { rows } = await db.query<{ pid: number }>(`select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`);
  const postmaster = rows[0]?.pid ?? 0;
  return () => {
    let ticks = 0;
    for (const pid of readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)) {
      const fields = statOf(pid);
      // Processes that have ended are counted with the one that started them.
      if (pid === postmaster) ticks += ticksOf(fields, [11, 12, 13, 14]);
      else if (fields[1] === String(postmaster)) ticks += ticksOf(fields, [11, 12]);
    }
    return ticks * msPerTick;
  };
}

/** The fields after the name of the program, which may hold anything. */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    // It has ended since it was listed.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return [];
    throw error;
  }
}

const ticksOf = (fields: readonly string[], positions: readonly number[]): number =>
  positions.reduce((sum, position) => sum + Number(fields[position] ?? 0), 0);
