import type { Logger } from './log.ts';
import type { CounterInstrument, MetricsRegistry } from './metrics/registry.ts';
import { stackMetrics } from './metrics/stack.ts';
import type { Queryable } from './postgres/pool.ts';

export interface AuditEntry {
  orgId: number | null;
  actor: string;
  action: string;
  details: Readonly<Record<string, unknown>>;
}

/** The audit trail. Writing it never fails the action that is audited: a lost row is logged and counted. */
export interface Audit {
  write(db: Queryable, entry: AuditEntry): Promise<void>;
  /** Runs a statement of a slice that writes rows of one action, with the same promise. */
  attempt(action: string, write: () => Promise<unknown>): Promise<void>;
}

export function createAudit(options: { metrics: MetricsRegistry; log: Logger; actions: readonly string[] }): Audit {
  const failures: CounterInstrument<{ action: string }> = options.metrics.counter(stackMetrics.auditWriteFailures);
  for (const action of options.actions) failures.inc({ action }, 0);

  async function attempt(action: string, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      failures.inc({ action });
      options.log.error({ error, action }, 'an audit row could not be written');
    }
  }

  return {
    attempt,
    write: (db, entry) =>
      attempt(entry.action, () =>
        db.query('insert into audit_logs (org_id, actor, action, details) values ($1, $2, $3, $4)', [
          entry.orgId,
          entry.actor,
          entry.action,
          JSON.stringify(entry.details),
        ]),
      ),
  };
}
