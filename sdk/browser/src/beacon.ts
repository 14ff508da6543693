import type { BegunBeacon, BegunOptions, Configuration } from './api.ts';
import { createDelivery } from './delivery.ts';
import { guarded } from './guard.ts';
import { address, beginVisit, cut, forgetVisit, isSmallObject, user } from './visit.ts';
import { uuid7 } from './uuid7.ts';

const maxPropertyBytes = 8192;
const maxErrorsPerMinute = 10;

export const queueKey = 'wobs.queue';

export function startBeacon(options: BegunOptions): BegunBeacon {
  const { chatbotId, siteId, errors, version, url } = options;
  const delivery = createDelivery(
    `${url}/widget/analytics`,
    queueKey,
    // oxlint-disable-next-line typescript/restrict-template-expressions -- texts with commas between them, in the fewest bytes
    ([sent, events]) => `${JSON.stringify(sent).slice(0, -1)},"events":[${events}]}`,
  );
  let envelope = beginVisit(chatbotId);
  const reported = new Set<string>();

  function track(name: string, properties: object = {}, category = 'engagement'): void {
    const event = {
      event_name: cut(name, 100),
      event_category: cut(category, 50),
      event_id: uuid7(),
      client_timestamp: new Date().toISOString(),
      page_url: address(location.href),
      page_title: cut(document.title, 512),
      properties: isSmallObject(properties, maxPropertyBytes) ? properties : undefined,
    };
    // An event that the exporter refuses takes its whole batch with it.
    if (event.event_name) delivery.add(envelope, JSON.stringify(event));
  }

  /** An error that nobody caught; once a minute each, and ten a minute: a page that fails in a loop must not fill the queue. */
  const failed = guarded(({ error, reason = error, message, filename, lineno, colno }: Partial<ErrorEvent & PromiseRejectionEvent>) => {
    const thrown = Object(reason) as Partial<Error>;
    const report = {
      error_message: cut(message || thrown.message || reason, 1000),
      error_stack: cut(thrown.stack, 500),
      error_file: cut(filename, 500),
      line: lineno,
      column: colno,
      widget_version: cut(version, 64),
    };
    const key = JSON.stringify(report);
    if (errors && !`${filename} ${thrown.stack}`.includes(errors)) return;
    if (reported.has(key) || reported.size >= maxErrorsPerMinute) return;
    if (!reported.size) setTimeout(() => reported.clear(), 60_000);
    reported.add(key);
    track('widget_error', report, 'error');
  });
  if (errors !== 'none') {
    addEventListener('error', failed);
    addEventListener('unhandledrejection', failed);
  }

  /** Null if it may not be loaded here, or cannot: then the page decides what to show. */
  const configuration = Promise.resolve(siteId && fetch(`${url}/api/bootloader?siteId=${siteId}`, { credentials: 'omit' }))
    .then((response) => (response && response.ok ? (response.json() as Promise<Configuration>) : null))
    .catch(() => null);
  void configuration.then((loaded) => {
    if (loaded && loaded.config.widgetEnabled) track('widget_loaded', {}, 'system');
  });

  return {
    options,
    track,
    identify: (visitor) => {
      if (!visitor.id) throw Error('id is missing');
      envelope = { ...envelope, user: user(visitor) };
      // So that it arrives also if nothing else happens.
      track('visitor_identified', {}, 'system');
    },
    reset: () => {
      forgetVisit();
      envelope = beginVisit(chatbotId);
    },
    stop: delivery.stop,
    ready: (tell) => void configuration.then(tell),
  };
}
