import { operationNames, type OperationName } from './operation-names.ts';
import { trackOperation, type OperationDescription } from './track-operation.ts';
import type { Tracker } from './tracker.ts';

type MethodName<Client> = { [Key in keyof Client]-?: Client[Key] extends (...args: never[]) => unknown ? Key : never }[keyof Client];

type OfCall<Value> = Value | ((args: readonly unknown[], operation: OperationName) => Value);

interface CallDescription {
  /** The shop's host name, or what finds it in the arguments of a call. */
  domain: OfCall<string>;
  userAgent?: OfCall<string | undefined> | undefined;
}

export interface TrackAllOptions<Client extends object> extends CallDescription {
  /** Methods that are not named like their operation, in snake_case or camelCase. */
  names?: { [Name in OperationName]?: MethodName<Client> } | undefined;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * A client whose operations are all tracked; everything else of it is as before, and the client itself stays as it is. Methods run with the
 * client as `this`, private members included. What the client calls on itself in an operation is part of that operation and not tracked again.
 */
export function trackAll<Client extends object>(tracker: Tracker, client: Client, options: TrackAllOptions<Client>): Client {
  const operations = operationsByMethod(client, options.names ?? {});
  /** So that a method stays the same from one read to the next. */
  const known = new Map<PropertyKey, { method: Method; stand: Method }>();

  const tracked: Client = new Proxy(client, {
    get(_client, key) {
      const value: unknown = Reflect.get(client, key, client);
      if (typeof value !== 'function' || key === 'constructor' || isFixed(client, key)) return value;
      return standIn(key, value as Method);
    },
    set: (_client, key, value) => Reflect.set(client, key, value, client),
  });

  function standIn(key: PropertyKey, method: Method): Method {
    const earlier = known.get(key);
    if (earlier?.method === method) return earlier.stand;
    const operation = operations.get(key);
    const stand = new Proxy(method, {
      apply(_method, receiver: unknown, args: unknown[]) {
        const call = (): unknown => Reflect.apply(method, receiver === tracked ? client : receiver, args);
        if (operation !== undefined) return trackOperation(tracker, describe(operation, args, options), call);
        const result = call();
        // What is chained goes on being tracked.
        return result === client ? tracked : result;
      },
    });
    known.set(key, { method, stand });
    return stand;
  }

  tellWhatIsMissing(tracker, client, operations);
  return tracked;
}

/** Getters, because trackOperation catches what they throw. */
function describe(operation: OperationName, args: readonly unknown[], { domain, userAgent }: CallDescription): OperationDescription {
  return {
    operation,
    get domain() {
      return typeof domain === 'function' ? domain(args, operation) : domain;
    },
    get userAgent() {
      return typeof userAgent === 'function' ? userAgent(args, operation) : userAgent;
    },
  };
}

function operationsByMethod(client: object, names: { [Name in OperationName]?: PropertyKey }): Map<PropertyKey, OperationName> {
  return new Map(
    operationNames.flatMap((operation) => {
      const own = names[operation];
      const methods = own === undefined ? [operation, camelCase(operation)].filter((method) => method in client) : [own];
      return methods.map((method): [PropertyKey, OperationName] => [method, operation]);
    }),
  );
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** A proxy must answer such a property as it is. */
function isFixed(client: object, key: PropertyKey): boolean {
  const property = Reflect.getOwnPropertyDescriptor(client, key);
  return property?.configurable === false && property.writable !== true;
}

function tellWhatIsMissing(tracker: Tracker, client: object, operations: ReadonlyMap<PropertyKey, OperationName>): void {
  if (operations.size === 0) tracker.ignore('NOT_MEASURED', 'the client has none of the operations; name its methods in names');
  for (const [method, operation] of operations) {
    if (!(method in client)) tracker.ignore('NOT_MEASURED', `the client has no ${String(method)} for ${operation}; correct names`);
    else if (isFixed(client, method)) tracker.ignore('NOT_MEASURED', `${String(method)} is frozen; hand in a copy, { ...client }`);
  }
}
