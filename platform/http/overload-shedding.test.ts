import { expect, test } from 'vitest';
import { z } from 'zod';
import { publicCaller } from '../auth/identities.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { ingestInstruments } from '../metrics/stack.ts';
import { createShedding } from './overload-shedding.ts';
import { route } from './route.ts';

test('an ingest route that could not be found by its path alone is refused at the start', () => {
  const events = route({
    tag: 'events',
    summary: 'takes events',
    identity: publicCaller,
    responses: { 202: z.unknown() },
    errors: [],
    method: 'POST',
    cors: 'widget',
    path: '/widget/:site/events',
    operationId: 'sendWidgetEvents',
    params: z.object({ site: z.string() }),
    ingest: ingestInstruments(createMetricsRegistry({ defaultMetrics: false })).endpoint('events'),
    handler: () => Promise.resolve({ status: 202, body: {} }),
  });
  const start = (): unknown =>
    createShedding({ routes: [events], headers: {}, allowedOrigins: [], isStopping: () => false, observe: () => undefined });
  expect(start).toThrow('POST /widget/:site/events: an ingest route has no parameters in its path');
});
