import type { BegunBeacon, Command, PerformanceOptions } from './api.ts';
import { createDelivery } from './delivery.ts';
import { guarded } from './guard.ts';
import { metricOf, metricTypes, type Given, type MetricType } from './metrics.ts';
import { observeMemory, observeResources, observeScroll } from './observers.ts';
import { write } from './storage.ts';
import { uuid7 } from './uuid7.ts';

const queueKey = 'wobs.metrics';
/** They have no time of their own: they count as of now. */
const keptMs = 3_600_000;
const script = document.currentScript as HTMLScriptElement;
/** With what the measurements began that go on. */
let measured: BegunBeacon | undefined;
let stops: (() => void)[] = [];
/** By the clock of the page; what the browser noted earlier was reported. */
let from = 0;

/** A page may hold the script twice. */
const page = window as Window & { wobsMeasures?: boolean };
if (!page.wobsMeasures) push(['use', extend]);
page.wobsMeasures = true;

/** The beacon may come later than this script. */
function push(command: unknown): void {
  const wobs = (window.wobs = window.wobs || []);
  wobs.push(command as Command);
}

/** Adds the commands of api.ts, PerformanceActions. */
function extend(beacon?: BegunBeacon | null): void {
  if (beacon && beacon === measured) return;
  for (const stop of stops) guarded(stop)();
  stops = [];
  measured = beacon || undefined;
  if (beacon) measure(beacon);
  // Not while the visitor has not been asked yet: what waits may be theirs who agreed on the page before.
  else if (beacon === null) write('sessionStorage', queueKey);
}

function measure(beacon: BegunBeacon): void {
  // oxlint-disable-next-line typescript/no-misused-spread -- only its values are wanted
  const options = { ...beacon.options, ...script.dataset } as BegunBeacon['options'] & PerformanceOptions;
  const { url, chatbotId, sampleRate = 1, bundles = `${url}/sdk/`, api } = options;
  const envelope = { chatbotId };
  const delivery = createDelivery(
    `${url}/api/monitoring/widget`,
    queueKey,
    (batch) => {
      const sent = (batch[0] = { batchId: uuid7(), ...batch[0] });
      // oxlint-disable-next-line typescript/restrict-template-expressions -- texts with commas between them
      return `${JSON.stringify(sent).slice(0, -1)},"metrics":[${batch[1]}]}`;
    },
    keptMs,
  );
  stops.push(delivery.stop);
  // All of a page or nothing: so rates stay what they are.
  const isSampled = Math.random() < Number(sampleRate);
  const report = (type: MetricType, given: Given): void => {
    if (isSampled) delivery.add(envelope, metricOf(type, given));
  };
  const actions: Record<string, (given: never) => void> = {
    watchScroll: (target: EventTarget) => void (isSampled && stops.push(observeScroll(target, report))),
  };
  for (const type of metricTypes)
    actions[`track${type.replace(/./, (first) => first.toUpperCase())}`] = (given: Given) => report(type, given);
  Object.assign(beacon, actions);
  for (const name of Object.keys(actions)) (window.wobs as unknown as typeof actions)[name] = (given) => push([name, given]);
  if (isSampled) {
    stops.push(observeMemory(report));
    guarded(() => stops.push(observeResources({ bundles, api, from }, report)))();
    from = performance.now();
  }
}
