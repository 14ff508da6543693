import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction, type TcpNetConnectOpts } from 'node:net';
import { isPublicAddress } from './public-address.ts';
import { resolveByDns, resolveLikeTheMachine, type ResolveHost } from './resolve-host.ts';

/** Which hosts may be asked, and how they are found. */
export interface HostPolicy {
  protocols: readonly string[];
  resolveHost: ResolveHost;
  mayConnectTo: (address: string) => boolean;
}

export const publicHosts: HostPolicy = { protocols: ['https:'], resolveHost: resolveByDns(), mayConnectTo: isPublicAddress };

/** Hosts of the own network too, and without TLS: for development and tests. */
export const allHosts: HostPolicy = { protocols: ['https:', 'http:'], resolveHost: resolveLikeTheMachine, mayConnectTo: () => true };

/**
 * Why there is no answer. `refused`: the URL or an address of its host is not allowed, no connection was opened; `timeout`: the deadline has
 * passed; `aborted`: the caller has given up; `too_large`: more than `maxBodyBytes`; `failed`: anything else on the way.
 */
export type OutboundFailure = 'refused' | 'timeout' | 'aborted' | 'too_large' | 'failed';

/** Its message names neither credentials nor addresses nor anything that the other side has sent, and can be shown to users. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly failure: OutboundFailure;

  constructor(failure: OutboundFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export interface OutboundOptions {
  hosts: HostPolicy;
  /** For everything together: name, connections, TLS, headers and bodies of all requests. */
  deadlineMs: number;
  signal?: AbortSignal;
  maxBodyBytes?: number;
  /** Certificate authority to trust in place of the usual ones, PEM. */
  ca?: string;
}

export interface OutboundAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface OutboundRequest {
  /** Added to the path of the base URL; begins with a slash. */
  path: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

export type Get = (request: OutboundRequest) => Promise<OutboundAnswer>;

const defaultMaxBodyBytes = 5 * 1024 * 1024;
/** Node's own 250 ms would give up a far address that answers, before it tries the next. */
const nextAddressAfterMs = 2000;

/**
 * Asks a host that a customer has named, without becoming the customer's hand in the own network: the name is resolved once, every address
 * is checked, connections go to checked addresses only, and redirects are answers like any other. TLS and the Host header use the name.
 * @throws OutboundError, and whatever `work` throws
 */
export async function withOutbound<Result>(
  baseUrl: string,
  options: OutboundOptions,
  work: (get: Get) => Promise<Result>,
): Promise<Result> {
  const base = allowedUrl(baseUrl, options.hosts.protocols);
  const ending = new AbortController();
  const timer = setTimeout(
    () => ending.abort(new OutboundError('timeout', `no answer within ${options.deadlineMs / 1000} s`)),
    options.deadlineMs,
  );
  // Not a listener on the caller's signal: a job shares one among all that it asks, and more than ten would be taken for a leak.
  const signal = options.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, options.signal]);
  try {
    const addresses = await checkedAddresses(base, options.hosts, signal);
    return await work((request) => send(urlOf(base, request), request.headers ?? {}, { ...options, addresses, signal }));
  } finally {
    clearTimeout(timer);
    // Requests that `work` has left behind.
    ending.abort();
  }
}

/** The parts that were checked are the parts that are used: nothing reads the text a second time and differently. */
function allowedUrl(text: string, protocols: readonly string[]): URL {
  if (!URL.canParse(text)) throw new OutboundError('refused', 'the URL is not valid: give one such as https://shop.example');
  const url = new URL(text);
  if (!protocols.includes(url.protocol)) throw new OutboundError('refused', 'the URL must begin with https://');
  if (url.username !== '' || url.password !== '') {
    throw new OutboundError('refused', 'the URL must not hold a user or a password: store them as credentials');
  }
  return url;
}

function urlOf(base: URL, { path, query = {} }: OutboundRequest): URL {
  const url = new URL(base);
  url.pathname = base.pathname.replace(/\/+$/, '') + path;
  url.search = new URLSearchParams(query).toString();
  return url;
}

async function checkedAddresses(url: URL, hosts: HostPolicy, signal: AbortSignal): Promise<readonly string[]> {
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await resolved(host, hosts, signal) : [host];
  if (addresses.length === 0) throw new OutboundError('failed', 'the host name has no address');
  if (!addresses.every(hosts.mayConnectTo)) throw new OutboundError('refused', 'the host is not on the public internet');
  return addresses;
}

/** Without the brackets of an IPv6 address. The URL parser has brought every other spelling of an address into the usual one. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

async function resolved(host: string, hosts: HostPolicy, signal: AbortSignal): Promise<readonly string[]> {
  try {
    signal.throwIfAborted();
    return await untilAborted(hosts.resolveHost(host, signal), signal);
  } catch (error) {
    throw signal.aborted ? abortion(signal) : new OutboundError('failed', `the host name cannot be resolved (${codeOf(error)})`);
  }
}

/** For what cannot be stopped: it goes on, and nobody waits for it. */
async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

interface Sending {
  addresses: readonly string[];
  signal: AbortSignal;
  maxBodyBytes?: number;
  ca?: string;
}

function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { addresses, signal, ca, ...sending }: Sending,
): Promise<OutboundAnswer> {
  const maxBodyBytes = sending.maxBodyBytes ?? defaultMaxBodyBytes;
  return new Promise((resolve, reject) => {
    const options: RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamilyAttemptTimeout'> = {
      method: 'GET',
      protocol: url.protocol,
      // Of a name, SNI, the Host header and the check of the certificate are made; lookup says where it is. For an address lookup is not
      // called: it is connected to as it was checked.
      hostname: hostOf(url),
      port: url.port === '' ? undefined : Number(url.port),
      path: url.pathname + url.search,
      headers: { 'accept-encoding': 'identity', ...headers },
      agent: false,
      lookup: answering(addresses),
      autoSelectFamilyAttemptTimeout: nextAddressAfterMs,
      rejectUnauthorized: true,
      signal,
      ...(ca === undefined ? {} : { ca }),
    };
    const outgoing = (url.protocol === 'https:' ? requestHttps : requestHttp)(options);
    let answered = false;
    outgoing.on('error', (error) => reject(failureOf(error, signal)));
    // An answer of 101 ends a request without an error, and nothing else would ever settle this.
    outgoing.on('close', () => {
      if (!answered) reject(new OutboundError('failed', 'the connection was closed without an answer'));
    });
    outgoing.on('response', (response) => {
      answered = true;
      readBody(response, maxBodyBytes).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        (error: unknown) => {
          reject(failureOf(error, signal));
          outgoing.destroy();
        },
      );
    });
    outgoing.end();
  });
}

function answering(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all }, callback) => {
    const [first] = entries;
    if (all === true) callback(null, entries);
    else callback(null, first?.address ?? '', first?.family);
  };
}

async function readBody(response: IncomingMessage, maxBodyBytes: number): Promise<Buffer> {
  const tooLarge = (): OutboundError => new OutboundError('too_large', `the answer is larger than ${maxBodyBytes} bytes`);
  if (Number(response.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function failureOf(error: unknown, signal: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error;
  if (signal.aborted) return abortion(signal);
  return new OutboundError('failed', `the connection failed (${codeOf(error)})`);
}

/** The deadline says of itself what it is; any other abortion is the caller's. */
function abortion({ reason }: AbortSignal): OutboundError {
  return reason instanceof OutboundError ? reason : new OutboundError('aborted', 'the request was given up');
}

/** Never the message: those of TLS quote the certificate, which the other side has written. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no code';
}
