import type { Actions, Beacon, BeaconOptions, Command } from './api.ts';
import { startBeacon } from './beacon.ts';
import { queueKey } from './delivery.ts';
import { guarded, sayErrors } from './guard.ts';
import { write } from './storage.ts';
import { forgetVisit } from './visit.ts';

/** Commands kept for an `init` that may never come. */
const maxWaiting = 100;

const script = document.currentScript as HTMLScriptElement;
const commands = window.wobs || [];
/** A page may hold the script twice. */
if (Array.isArray(commands)) install(commands);

function install(early: Command[]): void {
  /** Null once the visitor has objected or consent was withdrawn. */
  let beacon: Omit<Actions, 'init'> | null | undefined;
  const waiting: Command[] = [];

  function init(options: BeaconOptions): void {
    sayErrors(options.debug);
    if (beacon) return;
    if (!options.chatbotId) throw new Error('chatbotId is missing');
    const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
    if (globalPrivacyControl || doNotTrack === '1') stop();
    else beacon = startBeacon(options, options.url || (script.src.split('/sdk/')[0] as string));
    push(...waiting.splice(0));
  }

  function stop(): void {
    if (beacon) beacon.stop();
    beacon = null;
    forgetVisit();
    write('sessionStorage', queueKey);
    push(...waiting.splice(0));
  }

  function run([name, ...parameters]: Command): void {
    if (name === 'init') init(...(parameters as [BeaconOptions]));
    else if (name === 'stop') stop();
    else if (beacon) (beacon[name] as (...parameters: unknown[]) => void)(...parameters);
    else if (beacon === undefined) {
      if (waiting.length < maxWaiting) waiting.push([name, ...parameters] as Command);
    } else if (name === 'ready') (parameters as Parameters<Actions['ready']>)[0](null);
  }

  const push = (...all: Command[]): void => all.forEach(guarded(run));
  const wobs: Record<string, unknown> = { push };
  for (const name of ['init', 'track', 'identify', 'reset', 'stop', 'ready']) {
    wobs[name] = (...parameters: unknown[]) => push([name, ...parameters] as Command);
  }
  window.wobs = wobs as unknown as Beacon;

  // Does nothing without data-chatbot-id: then the page calls init.
  if (script) push(['init', script.dataset as unknown as BeaconOptions]);
  push(...early);
}
