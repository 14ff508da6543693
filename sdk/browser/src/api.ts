/** What a page may say to the beacon, and what it gets. Copy this file for the types of `window.wobs`. */

export interface BeaconOptions extends PerformanceOptions {
  /** Names the chatbot: its events are stored under it. */
  chatbotId: string;
  /** Names the organization: the configuration of its widget is loaded. Without it events are sent only. */
  siteId?: string;
  /** Where the exporter is, if the script does not come from there. */
  url?: string;
  /** The version of the widget, told with its errors. */
  version?: string;
  /** Which errors of the page are reported: all (left out), `none`, or those whose file or stack contains this text. */
  errors?: string;
  /** Says in the console what goes wrong. */
  debug?: boolean | string;
}

/** What the beacon began with: `url` is the exporter's. */
export type BegunOptions = BeaconOptions & { url: string };

export interface Visitor {
  /** Up to 200 characters. */
  id: string | number;
  email?: string;
  name?: string;
  /** Up to 4 KiB as JSON; left out if it is larger. */
  metadata?: Record<string, unknown>;
}

/** The answer of the bootloader. */
export interface Configuration {
  org: { id: number; key: string; name: string };
  config: {
    widgetEnabled: boolean;
    writeEnabled: boolean;
    aiEnabled: boolean;
    language: string;
    theme: { primaryColor: string };
    branding: { widgetName: string; widgetSubtitle: string; launcherText: string | null; position: 'left' | 'right' };
  };
  /** For the chat backend; valid for five minutes. */
  orgToken: string;
}

/** None of these throws. */
export interface Actions {
  /** Begins: stores ids, loads the configuration, sends. Does nothing if the visitor has objected (see README, Consent). */
  init: (options: BeaconOptions) => void;
  /** Records an event; `category` is `engagement` if left out. Properties of more than 8 KiB as JSON are left out. */
  track: (name: string, properties?: Record<string, unknown>, category?: string) => void;
  /** Says who the visitor is, from now on and until the page is left. */
  identify: (visitor: Visitor) => void;
  /** Somebody else may sit here next: new ids, nobody identified. What is recorded already is sent. */
  reset: () => void;
  /** Consent was withdrawn: forgets ids and what is not sent yet, and sends nothing more until the next `init`. */
  stop: () => void;
  /** Calls back with the configuration, or with null if there is none: not allowed here, not reachable, or the visitor has objected. */
  ready: (callback: (configuration: Configuration | null) => void) => void;
}

/** After `init`, and before `stop`. */
export interface BegunBeacon extends Omit<Actions, 'init'> {
  options: BegunOptions;
}

/** A script that adds commands: is called with the beacon once that has begun, with null once it must be silent. Any number of times. */
export type Extension = (beacon?: BegunBeacon | null) => void;

/** How long something took: so many milliseconds, or since a value of `performance.now()`. */
type Took<Name extends string> = { [Key in Name]: number } | { since: number };
type Outcome = Took<'duration'> & { success: boolean };
interface Failure {
  /** Of a failure: letters, digits, `_`, `.` and `-`, such as the name of an error. */
  errorType?: string | undefined;
}

/** The commands of performance.js. None of these throws. */
export interface PerformanceActions {
  /** Something was kept, fetched or deleted in the browser. A save that fails is an incident: a visitor lost what they wrote. */
  trackPersistence: (metric: Outcome & Failure & { operation: 'save' | 'restore' | 'sync' | 'delete' | 'navigation' }) => void;
  /** A conversation was brought back. */
  trackRestoration: (metric: Outcome & Failure & { messagesRestored?: number }) => void;
  /** The visitor went to another page; `dataPreserved` says whether the conversation came along. If not, it is an incident. */
  trackNavigation: (metric: Outcome & { dataPreserved: boolean }) => void;
  /** A message was rendered. */
  trackRender: (metric: Took<'renderTime'>) => void;
  /** Tabs told each other. `sentAt` is the `Date.now()` of the tab that began. */
  trackTabSync: (
    metric: (Took<'latency'> | { sentAt: number }) & { operation: 'broadcast' | 'receive' | 'reconcile'; success: boolean },
  ) => void;
  /** A call of the widget's API ended; status 0 if there was no answer. What the option `api` names is tracked by itself. */
  trackApi: (metric: Took<'duration'> & Failure & { statusCode: number; cached?: boolean }) => void;
  /** A script of the widget was loaded. What the option `bundles` names is tracked by itself. */
  trackBundle: (metric: Took<'loadTime'> & { size?: number; cached?: boolean }) => void;
  /** Of the page, in bytes. Every 30 s it is tracked by itself. */
  trackMemory: (metric: { heapUsed: number }) => void;
  /** Frames while scrolling; `watchScroll` counts them. */
  trackScroll: (metric: { fps: number; jankFrames: number; totalFrames: number }) => void;
  /** Counts frames while something within this element, or shadow root, is scrolled. */
  watchScroll: (target: EventTarget) => void;
}

/** As `data-…` of performance.js, or of `init`. */
export interface PerformanceOptions {
  /** Which share of pages measures anything, 0 to 1; 1 if left out. */
  sampleRate?: number | string;
  /** A text that the addresses of the widget's scripts contain; those of the exporter if left out. */
  bundles?: string;
  /** A text that the addresses of the widget's API contain; no calls are tracked if left out. */
  api?: string;
}

type CommandOf<All> = {
  [Name in keyof All]: All[Name] extends (...parameters: infer Parameters) => void ? [Name, ...Parameters] : never;
}[keyof All];
export type Command = CommandOf<Actions> | CommandOf<PerformanceActions> | ['use', Extension];

export interface Beacon extends Actions, Partial<PerformanceActions> {
  /** The same as calling the action; works before the script has loaded too, when `wobs` is still an array. */
  push: (...commands: Command[]) => void;
}

declare global {
  interface Window {
    wobs?: Beacon | Command[];
  }
}
