import { createHash } from 'node:crypto';
import { canonicalJson } from '../../platform/stored-json.ts';

export const routes = ['messages', 'visitor events', 'error reports', 'metrics', 'operations', 'site events', 'leads'] as const;
export type RouteName = (typeof routes)[number];

/** Reports and forms carry no id by contract: sent again, they may be stored again. */
export const withoutId: ReadonlySet<RouteName> = new Set(['error reports', 'leads']);

/** Figures by their names. */
export type Figures = Readonly<Record<string, number>>;

/** What a client knows of one thing that it sent. */
export interface Entry {
  readonly route: RouteName;
  /** Key of its organization, or its marketing property. */
  readonly tenant: string;
  readonly id: string;
  /** Of the row that it becomes ({@link digestOf}); undefined where it is only counted. */
  readonly digest: string | undefined;
  /** What each stored copy adds to the figures of its tenant. */
  readonly adds: Figures;
  /** What it adds however often it is stored. */
  readonly addsOnce: Figures;
  /** Undefined when it must be stored; else why it must be refused. */
  readonly flaw: 'invalid' | 'poisonous' | undefined;
  /** What was going on when it was first sent. */
  readonly during: string;
  outcome: 'acknowledged' | 'refused' | 'unknown';
  /** Of a refusal. */
  code?: string;
  /** How often it was sent in a request that a client learnt nothing final of: each may have stored a copy of what has no id. */
  inDoubt: number;
  /** It was acknowledged and refused when it was sent once more. */
  contradicted: boolean;
}

export type NewEntry = Omit<Entry, 'outcome' | 'code' | 'inDoubt' | 'contradicted' | 'during'>;

export interface Ledger {
  entries(): Iterable<Entry>;
  enter(entry: NewEntry): Entry;
  acknowledge(entry: Entry): void;
  refuse(entry: Entry, code: string): void;
  /** The answers that said that something was known already. */
  deduplicated: number;
  /** Entered with everything that is sent from now on. */
  during: string;
  acknowledged(): number;
}

export function createLedger(): Ledger {
  const entries: Entry[] = [];
  let acknowledged = 0;
  const ledger: Ledger = {
    deduplicated: 0,
    during: 'the start',
    entries: () => entries,
    enter: (entry) => {
      const entered: Entry = { ...entry, during: ledger.during, outcome: 'unknown', inDoubt: 0, contradicted: false };
      entries.push(entered);
      return entered;
    },
    acknowledge: (entry) => {
      if (entry.outcome === 'refused') entry.contradicted = true;
      if (entry.outcome === 'acknowledged') return;
      entry.outcome = 'acknowledged';
      acknowledged += 1;
    },
    refuse: (entry, code) => {
      entry.code = code;
      if (entry.outcome === 'acknowledged') entry.contradicted = true;
      else entry.outcome = 'refused';
    },
    acknowledged: () => acknowledged,
  };
  return ledger;
}

/** The same for what was sent and for the row that it became, and for no other content. */
export function digestOf(content: Readonly<Record<string, unknown>>): string {
  return createHash('sha1')
    .update(canonicalJson(content) ?? '')
    .digest('base64url');
}

/** Refused by {@link poisonSql}, and taken for good by every check before the database. */
export function isPoisonous(id: string): boolean {
  return id.startsWith(poisonPrefix);
}

export const poisonPrefix = 'deadbeef-';
const poisonColumns = {
  ingest_batches: 'batch_id',
  widget_events: 'id',
  woocommerce_usage_metrics: 'id',
  'marketing.events': 'id',
};

/** Constraints that a validation does not know of: what a schema ahead of the program looks like to it. */
export const poisonSql = Object.entries(poisonColumns)
  .map(([table, column]) => `alter table ${table} add constraint poison check (${column}::text not like '${poisonPrefix}%')`)
  .join('; ');
