import autocannon from 'autocannon';
import { randomUUID } from 'node:crypto';
import { operationNames } from '../../features/woocommerce/catalogue.ts';
import { answerCalls } from './child.ts';
import type { LoadCalls, LoadKind, LoadOptions, LoadResult } from './load.ts';
import { percentile } from './statistics.ts';

answerCalls<LoadCalls>({ run });

async function run({ url, connections, seconds, requestsPerSecond, send }: LoadOptions): Promise<LoadResult> {
  const startedAt = performance.now();
  const latencies: number[] = [];
  let lastAnswerAt = startedAt;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: seconds,
        timeout: 30,
        requests: requestsOf(send),
        ...(requestsPerSecond === undefined ? {} : { overallRate: requestsPerSecond }),
      },
      (error: unknown, done) => {
        if (error === null || error === undefined) resolve(done);
        else reject(error instanceof Error ? error : new Error('the load could not be generated', { cause: error }));
      },
    );
    instance.on('response', (_client, status, _bytes, responseTime) => {
      if (status < 200 || status > 299) return;
      latencies.push(responseTime);
      lastAnswerAt = performance.now();
    });
  });
  const sorted = Float64Array.from(latencies).toSorted();
  return {
    answers: sorted.length,
    perSecond: sorted.length / ((lastAnswerAt - startedAt) / 1000),
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    // Corrected by autocannon for coordinated omission: a client that waits for an answer does not send what was due meanwhile.
    p99FromSchedule: result.latency.p99,
    failed: result.non2xx + result.errors + result.timeouts,
  };
}

function requestsOf(send: LoadKind): autocannon.Request[] {
  if (send.kind === 'read') {
    return send.tokens.map((token) => ({ method: 'GET', path: send.path, headers: { authorization: `Bearer ${token}` } }));
  }
  if (send.kind === 'bootloader') {
    return send.siteIds.map((siteId) => ({
      method: 'GET',
      path: '/api/bootloader',
      headers: { 'x-site-id': siteId, origin: send.origin },
    }));
  }
  if (send.kind === 'summary') return [{ method: 'GET', path: send.path, headers: { 'x-admin-key': send.adminKey } }];
  if (send.kind === 'marketing') return marketingRequests(send);
  if (send.kind === 'events') return eventRequests(send);
  if (send.kind === 'operations') return operationRequests(send);
  if (send.kind === 'metrics') return metricRequests(send);
  const messages = JSON.stringify(
    Array.from({ length: send.messagesPerBatch }, (_, position) => ({
      duration_ms: 20 + position * 37,
      role: position % 2 === 0 ? 'assistant' : 'user',
    })),
  );
  return send.ingestKeys.map((key) => ({
    method: 'POST',
    path: '/ingest/widget/messages',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    setupRequest: (request) => ({ ...request, body: `{"batchId":"${randomUUID()}","messages":${messages}}` }),
  }));
}

/** Every operation in turn, one in ten failed, durations spread as those of shops are; ids and moments as the SDK sends them. */
function operationRequests({ ingestKeys, operationsPerBatch }: Extract<LoadKind, { kind: 'operations' }>): autocannon.Request[] {
  return ingestKeys.map((key, shop) => {
    const fixed = Array.from({ length: operationsPerBatch }, (_, position) =>
      JSON.stringify({
        operation: operationNames[position % operationNames.length],
        duration_ms: Math.round(Math.exp(3.5 + ((position * 37) % 100) / 20)),
        domain: `shop-${shop}.example`,
        user_agent: 'Mozilla/5.0 (X11; Linux x86_64)',
        ...(position % 10 === 0 ? { success: false, error_type: 'Timeout', error_message: 'no answer within 10 s' } : { success: true }),
      }).slice(1),
    );
    return {
      method: 'POST',
      path: '/ingest/woocommerce/operations',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      setupRequest: (request) => {
        const at = new Date().toISOString();
        return {
          ...request,
          body: `{"operations":[${fixed.map((rest) => `{"id":"${randomUUID()}","created_at":"${at}",${rest}`).join()}]}`,
        };
      },
    };
  });
}

/** What a visitor's widget measures in a few seconds, of every type, with values spread as those of browsers are. */
function metricRequests({ chatbotIds, metricsPerBatch }: Extract<LoadKind, { kind: 'metrics' }>): autocannon.Request[] {
  const spread = (middle: number): string => (middle * Math.exp((Math.random() + Math.random() + Math.random() - 1.5) * 1.2)).toFixed(2);
  const measured = [
    () => `"render","metric":{"messageId":"m","renderTime":${spread(9)},"contentLength":256`,
    () => `"persistence","metric":{"operation":"save","success":true,"duration":${spread(40)}`,
    () => `"api","metric":{"endpoint":"/chat","method":"POST","statusCode":200,"duration":${spread(200)},"cached":false`,
    () => `"scroll","metric":{"fps":58.5,"frameTime":17,"jankFrames":1,"totalFrames":60`,
    () => `"memory","metric":{"heapUsed":${Math.round(Number(spread(30_000_000)))},"heapTotal":60000000`,
    () => `"tabSync","metric":{"operation":"receive","latency":${spread(12)},"dataSize":100,"success":true`,
    () =>
      `"navigation","metric":{"sessionId":"s","fromPage":"/a","toPage":"/b","success":true,"dataPreserved":true,"duration":${spread(30)}`,
    () => `"restoration","metric":{"sessionId":"s","conversationId":"c","success":true,"duration":${spread(100)},"messagesRestored":12`,
    () => `"bundle","metric":{"bundleName":"core","loadTime":${spread(300)},"size":204800,"cached":true`,
  ];
  return chatbotIds.map((chatbotId) => ({
    method: 'POST',
    path: '/api/monitoring/widget',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    },
    setupRequest: (request) => {
      const at = Date.now();
      const metrics = Array.from(
        { length: metricsPerBatch },
        (_, n) => `{"type":${measured[n % measured.length]?.() ?? ''},"timestamp":${at}}}`,
      );
      return { ...request, body: `{"chatbotId":"${chatbotId}","batchId":"${randomUUID()}","metrics":[${metrics.join()}]}` };
    },
  }));
}

const visitorsPerChatbot = 200;
const eventNames = ['widget_loaded', 'widget_opened', 'message_sent', 'message_received'];

/** Visitors in turn, every one in a session of its own, with the header and the ids that a browser sends. */
function eventRequests({ chatbotIds, eventsPerBatch }: Extract<LoadKind, { kind: 'events' }>): autocannon.Request[] {
  const visit = randomUUID();
  let visits = 0;
  return chatbotIds.map((chatbotId) => ({
    method: 'POST',
    path: '/widget/analytics',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    },
    setupRequest: (request) => {
      visits += 1;
      const visitor = visits % visitorsPerChatbot;
      const at = new Date().toISOString();
      const events = Array.from(
        { length: eventsPerBatch },
        (_, position) =>
          `{"event_name":"${eventNames[(visits + position) % eventNames.length]}","event_category":"engagement","event_id":"${randomUUID()}",` +
          `"client_timestamp":"${at}","page_url":"https://shop.example/products/${position}","properties":{"variant":"blue","position":${position}}}`,
      );
      return {
        ...request,
        body:
          `{"chatbotId":"${chatbotId}","sessionId":"s-${visit}-${visitor}","anonymousId":"a-${visitor}",` +
          `"context":{"referrer":"https://www.example.com/","landing_page":"https://shop.example/?utm_source=google","screen_width":1280,"screen_height":800},` +
          `"events":[${events.join()}]}`,
      };
    },
  }));
}

const marketingVisitors = 2000;

/** One event each: visitors of sites in turn, on their way through pages, with what a browser tells of them. */
function marketingRequests({ propertyIds }: Extract<LoadKind, { kind: 'marketing' }>): autocannon.Request[] {
  const crowd = randomUUID();
  let visits = 0;
  return propertyIds.map((propertyId) => ({
    method: 'POST',
    path: '/v1/events',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    },
    setupRequest: (request) => {
      visits += 1;
      return {
        ...request,
        body:
          `{"anonId":"${crowd}-${visits % marketingVisitors}","eventType":"page_view","path":"/products/${visits % 50}","eventId":"${randomUUID()}",` +
          `"timestamp":"${new Date().toISOString()}","referrer":"https://www.google.com/","props":{"variant":"blue"},` +
          `"traffic":{"propertyId":"${propertyId}","host":"www.example.com","pageTitle":"Products","language":"en","timezone":"Europe/Vienna",` +
          `"screenWidth":1280,"screenHeight":800,"webVitals":{"lcpMs":1800,"ttfbMs":120,"clsScore":0.02}}}`,
      };
    },
  }));
}
