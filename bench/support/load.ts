import { startChild, type Child } from './child.ts';

/** What is sent, over and over. Callers take turns, so that neither a row lock nor a cache line is all there is. */
export type LoadKind =
  | { kind: 'messages'; ingestKeys: string[]; messagesPerBatch: number }
  | { kind: 'events'; chatbotIds: string[]; eventsPerBatch: number }
  | { kind: 'metrics'; chatbotIds: string[]; metricsPerBatch: number }
  | { kind: 'operations'; ingestKeys: string[]; operationsPerBatch: number }
  | { kind: 'bootloader'; siteIds: string[]; origin: string }
  | { kind: 'marketing'; propertyIds: string[] }
  | { kind: 'summary'; path: string; adminKey: string }
  | { kind: 'read'; path: string; tokens: string[] };

export interface LoadOptions {
  url: string;
  connections: number;
  seconds: number;
  /** As many as are answered when left out. */
  requestsPerSecond?: number;
  send: LoadKind;
}

export interface LoadResult {
  /** Answers 2xx. */
  answers: number;
  perSecond: number;
  /** Of single answers, in ms. */
  p50: number;
  p95: number;
  p99: number;
  /** Of all answers, counted from when a request should have been sent at the rate that was asked for; that of {@link p99} without a rate. */
  p99FromSchedule: number;
  /** Answers other than 2xx, broken connections and time-outs. */
  failed: number;
}

export interface LoadCalls {
  run: { argument: LoadOptions; result: LoadResult };
}

/** The load generator, a process of its own. */
export function startLoad(): Promise<Child<LoadCalls>> {
  return startChild<LoadCalls>('load');
}
