import type { Actions, Beacon, BeaconOptions, BegunBeacon, Command, Extension } from './api.ts';
import { queueKey, startBeacon } from './beacon.ts';
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
  let beacon: BegunBeacon | null | undefined;
  let extend: Extension = () => undefined;
  /** Commands before `init`, and those of an extension that has not come yet. */
  const waiting: Command[] = [];

  function init(options: BeaconOptions): void {
    sayErrors(options.debug);
    if (beacon) return;
    if (!options.chatbotId) throw Error('chatbotId is missing');
    if ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack === '1') stop();
    else beacon = startBeacon({ ...options, url: options.url || (script.src.split('/sdk/')[0] as string) });
    settle();
  }

  function stop(): void {
    if (beacon) beacon.stop();
    beacon = null;
    forgetVisit();
    write('sessionStorage', queueKey);
    settle();
  }

  function settle(): void {
    extend(beacon);
    push(...waiting.splice(0));
  }

  function use(extension: Extension): void {
    extend = extension;
    settle();
  }

  function run([name, ...parameters]: Command): void {
    const act = { ...beacon, init, stop, use }[name as 'track'] as ((...parameters: unknown[]) => void) | undefined;
    if (act) act(...parameters);
    else if (beacon !== null) {
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
