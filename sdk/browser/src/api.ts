/** What a page may say to the beacon, and what it gets. Copy this file for the types of `window.wobs`. */

export interface BeaconOptions {
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

export type Command = { [Name in keyof Actions]: [Name, ...Parameters<Actions[Name]>] }[keyof Actions];

export interface Beacon extends Actions {
  /** The same as calling the action; works before the script has loaded too, when `wobs` is still an array. */
  push: (...commands: Command[]) => void;
}

declare global {
  interface Window {
    wobs?: Beacon | Command[];
  }
}
