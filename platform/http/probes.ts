import { z } from 'zod';
import type { Service } from '../metrics/definitions.ts';
import type { DescribedRoute } from './route.ts';
import { timestamp } from './validation.ts';

/** Answered before and beside the routes: also while the process stops, and to HEAD; never counted, never touching the database. */
export interface Probe extends DescribedRoute {
  answer: (context: { service: Service; at: Date }) => unknown;
}

const probe = { method: 'GET', tag: 'health', identity: 'public', cors: 'none', rateLimitPolicy: undefined, errors: [] } as const;

export const probes: ReadonlyMap<string, Probe> = new Map(
  [
    {
      ...probe,
      path: '/healthz',
      operationId: 'getHealth',
      summary: 'Whether the process answers; says nothing of its database',
      responses: { 200: z.object({ status: z.literal('ok') }).meta({ id: 'Health' }) },
      answer: (): unknown => ({ status: 'ok' }),
    },
    {
      ...probe,
      path: '/v1/healthz',
      operationId: 'getServiceHealth',
      summary: 'The same, with the name and the clock of the service',
      responses: {
        200: z.object({ ok: z.literal(true), service: z.enum(['exporter', 'api']), timestamp }).meta({ id: 'ServiceHealth' }),
      },
      answer: ({ service, at }: { service: Service; at: Date }): unknown => ({ ok: true, service, timestamp: at.toISOString() }),
    },
  ].map((described) => [described.path, described]),
);
