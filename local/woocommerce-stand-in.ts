import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isSameSecret } from '../platform/auth/secrets.ts';

/**
 * A shop without WooCommerce: the routes of its REST API v3 that this stack reads, with the documented answers, parameters and headers, for
 * tests and for the demo. It can be made slow, failing and worse while it runs.
 */
export interface WooCommerceStandIn {
  url: string;
  consumerKey: string;
  consumerSecret: string;
  setMode: (mode: StandInMode) => void;
  /** The newest requests, oldest first. */
  requests: readonly StandInRequest[];
  close: () => Promise<void>;
}

export type StandInMode =
  | { kind: 'normal' }
  | { kind: 'slow'; delayMs: number }
  | { kind: 'failing'; status: number }
  /** Refuses credentials that were good before. */
  | { kind: 'unauthorized' }
  | { kind: 'redirecting'; location: string }
  /** An answer without an end. */
  | { kind: 'huge' }
  /** A warning of PHP before the JSON, as a broken plug-in prints it. */
  | { kind: 'malformed' }
  /** No answer. */
  | { kind: 'hanging' }
  /** This text from one route, such as `orders`; all others are normal. */
  | { kind: 'answering'; route: string; body: string };

export interface StandInRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  authorized: boolean;
}

export interface StandInOrder {
  id: number;
  status: string;
  total: string;
  createdAt: Date;
}

export interface StandInProduct {
  id: number;
  name: string;
  manageStock: boolean;
  stockQuantity: number | null;
  /** `publish` when left out. */
  status?: string;
}

export interface StandInOptions {
  /** Any free one when left out. */
  port?: number;
  /** Where others reach it. Anything but 127.0.0.1, which it is when left out, makes it listen on every address. */
  hostName?: string;
  orders?: readonly StandInOrder[] | (() => readonly StandInOrder[]);
  products?: readonly StandInProduct[];
  currency?: string;
  mode?: StandInMode;
  consumerKey?: string;
  consumerSecret?: string;
}

const keptRequests = 1000;
/** Far from UTC: a reader that leans on the shop's own time is found out. */
const shopIsAheadOfUtcMs = 5.5 * 3_600_000;

export async function startWooCommerceStandIn(options: StandInOptions = {}): Promise<WooCommerceStandIn> {
  const { consumerKey = 'ck_stand_in', consumerSecret = 'cs_stand_in', currency = 'EUR', products = standInProducts() } = options;
  const { orders = () => standInOrders(new Date()) } = options;
  const readOrders = typeof orders === 'function' ? orders : () => orders;
  const expected = `Basic ${Buffer.from(`${consumerKey}:${consumerSecret}`).toString('base64')}`;
  const routes = storeRoutes({ readOrders, products, currency });
  const requests: StandInRequest[] = [];
  const delayed = new Set<NodeJS.Timeout>();
  let mode: StandInMode = options.mode ?? { kind: 'normal' };

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in');
    const authorized = isSameSecret(request.headers.authorization ?? '', expected);
    requests.push({ method: request.method ?? '', path: pathname, query: Object.fromEntries(searchParams), authorized });
    requests.splice(0, Math.max(0, requests.length - keptRequests));
    const route = pathname.replace(/^\/wp-json\/wc\/v3\//, '');
    const answerNormally = (): void => answer(request, response, { route: routes[route], query: searchParams, authorized });
    switch (mode.kind) {
      case 'normal':
        return answerNormally();
      case 'slow': {
        const timer = setTimeout(() => {
          delayed.delete(timer);
          answerNormally();
        }, mode.delayMs);
        delayed.add(timer);
        return undefined;
      }
      case 'failing':
        return sendJson(
          response,
          mode.status,
          restError('internal_server_error', 'There has been a critical error on this website.', mode.status),
        );
      case 'unauthorized':
        return answer(request, response, { route: routes[route], query: searchParams, authorized: false });
      case 'redirecting':
        response.writeHead(301, { location: mode.location }).end();
        return undefined;
      case 'huge':
        return sendWithoutEnd(response);
      case 'malformed':
        response.setHeader('content-type', 'application/json; charset=UTF-8');
        response.end(
          '<br />\n<b>Warning</b>: Undefined variable $shop in <b>/var/www/wp-content/plugins/shop.php</b> on line <b>7</b><br />\n{}',
        );
        return undefined;
      case 'hanging':
        return undefined;
      case 'answering':
        if (route !== mode.route) return answerNormally();
        response.setHeader('content-type', 'application/json; charset=UTF-8');
        response.end(mode.body);
        return undefined;
    }
  });
  const hostName = options.hostName ?? '127.0.0.1';
  server.listen(options.port ?? 0, hostName === '127.0.0.1' ? hostName : undefined);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    url: `http://${hostName}:${address.port}`,
    consumerKey,
    consumerSecret,
    setMode: (next) => {
      mode = next;
    },
    requests,
    close: async () => {
      for (const timer of delayed) clearTimeout(timer);
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface RouteAnswer {
  body: unknown;
  headers?: Record<string, string>;
}

type StoreRoute = (query: URLSearchParams) => RouteAnswer;

/** What WordPress answers in the place of a result. */
class RestRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { route, query, authorized }: { route: StoreRoute | undefined; query: URLSearchParams; authorized: boolean },
): void {
  try {
    if (route === undefined || request.method !== 'GET') {
      throw new RestRefusal(404, 'rest_no_route', 'No route was found matching the URL and request method.');
    }
    if (!authorized) throw new RestRefusal(401, 'woocommerce_rest_cannot_view', 'Sorry, you cannot list resources.');
    const { body, headers } = route(query);
    sendJson(response, 200, body, headers);
  } catch (error) {
    if (!(error instanceof RestRefusal)) throw error;
    sendJson(response, error.status, restError(error.code, error.message, error.status));
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...headers }).end(JSON.stringify(body));
}

function restError(code: string, message: string, status: number): unknown {
  return { code, message, data: { status } };
}

function sendWithoutEnd(response: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, ' ');
  const write = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.setHeader('content-type', 'application/json; charset=UTF-8');
  response.on('drain', write);
  write();
}

interface StoreData {
  readOrders: () => readonly StandInOrder[];
  products: readonly StandInProduct[];
  currency: string;
}

const orderStatuses = {
  pending: 'Pending payment',
  processing: 'Processing',
  'on-hold': 'On hold',
  completed: 'Completed',
  cancelled: 'Cancelled',
  refunded: 'Refunded',
  failed: 'Failed',
  'checkout-draft': 'Draft',
};

function storeRoutes({ readOrders, products, currency }: StoreData): Readonly<Record<string, StoreRoute>> {
  return {
    system_status: () => ({ body: systemStatus(currency) }),
    'data/currencies/current': () => ({ body: { code: currency, name: currency, symbol: currency } }),
    'reports/orders/totals': () => {
      const orders = readOrders();
      return {
        body: Object.entries(orderStatuses).map(([slug, name]) => ({
          slug,
          name,
          total: orders.filter(({ status }) => status === slug).length,
        })),
      };
    },
    orders: (query) => {
      const wanted = listOf(query, 'status', 'any', [...Object.keys(orderStatuses), 'any', 'trash']);
      const isWithin = periodOf(query);
      const found = readOrders().filter((order) => (wanted.includes('any') || wanted.includes(order.status)) && isWithin(order.createdAt));
      return page(query, found, (order) => orderBody(order, currency));
    },
    products: (query) => {
      const [wanted = 'any'] = listOf(query, 'status', 'any', ['any', 'publish', 'draft', 'pending', 'private']);
      const found = products.filter(({ status = 'publish' }) => wanted === 'any' || status === wanted);
      return page(query, found, productBody);
    },
  };
}

function listOf(query: URLSearchParams, name: string, otherwise: string, allowed: readonly string[]): string[] {
  const values = (query.get(name) ?? otherwise).split(',');
  if (!values.every((value) => allowed.includes(value))) throw invalidParameter(name);
  return values;
}

function invalidParameter(name: string): RestRefusal {
  return new RestRefusal(400, 'rest_invalid_param', `Invalid parameter(s): ${name}`);
}

/**
 * As WordPress compares: a moment without a zone is taken as it stands, one with a zone is moved to the shop's; then it is compared with the
 * column of the shop's time or, with dates_are_gmt, of UTC. Both ends are outside.
 */
function periodOf(query: URLSearchParams): (createdAt: Date) => boolean {
  const inUtc = query.get('dates_are_gmt') === 'true';
  const end = (name: string): string | undefined => {
    const text = query.get(name);
    if (text === null) return undefined;
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?$/.test(text)) throw invalidParameter(name);
    return text.length === 19 ? text : shopTime(new Date(text));
  };
  const [after, before] = [end('after'), end('before')];
  return (createdAt) => {
    const at = inUtc ? utcTime(createdAt) : shopTime(createdAt);
    return (after === undefined || at > after) && (before === undefined || at < before);
  };
}

const utcTime = (moment: Date): string => moment.toISOString().slice(0, 19);
const shopTime = (moment: Date): string => utcTime(new Date(moment.getTime() + shopIsAheadOfUtcMs));

function page<Row extends { id: number }>(
  query: URLSearchParams,
  rows: readonly Row[],
  body: (row: Row) => Record<string, unknown>,
): RouteAnswer {
  const size = numberOf(query, 'per_page', 10, 100);
  const number = numberOf(query, 'page', 1, Number.MAX_SAFE_INTEGER);
  const [orderBy = 'date'] = listOf(query, 'orderby', 'date', ['date', 'id', 'include', 'title', 'slug', 'modified']);
  const [direction = 'desc'] = listOf(query, 'order', 'desc', ['asc', 'desc']);
  const key = (row: Row): number => (orderBy === 'date' && 'createdAt' in row ? (row.createdAt as Date).getTime() : row.id);
  const sorted = rows.toSorted((left, right) => (key(left) - key(right) || left.id - right.id) * (direction === 'asc' ? 1 : -1));
  const fields = query.get('_fields')?.split(',');
  const shown = sorted.slice((number - 1) * size, number * size).map((row) => {
    const entries = Object.entries(body(row));
    return Object.fromEntries(fields === undefined ? entries : entries.filter(([name]) => fields.includes(name)));
  });
  return { body: shown, headers: { 'x-wp-total': String(rows.length), 'x-wp-totalpages': String(Math.ceil(rows.length / size)) } };
}

function numberOf(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) throw invalidParameter(name);
  return value;
}

function orderBody({ id, status, total, createdAt }: StandInOrder, currency: string): Record<string, unknown> {
  const address = {
    first_name: 'Ada',
    last_name: 'Example',
    company: '',
    address_1: 'Main Street 1',
    address_2: '',
    city: 'Sample Town',
    state: '',
    postcode: '12345',
    country: 'DE',
  };
  return {
    id,
    parent_id: 0,
    number: String(id),
    order_key: `wc_order_${id}`,
    created_via: 'checkout',
    version: '10.0.0',
    status,
    currency,
    date_created: shopTime(createdAt),
    date_created_gmt: utcTime(createdAt),
    date_modified: shopTime(createdAt),
    date_modified_gmt: utcTime(createdAt),
    discount_total: '0.00',
    discount_tax: '0.00',
    shipping_total: '0.00',
    shipping_tax: '0.00',
    cart_tax: '0.00',
    total,
    total_tax: '0.00',
    prices_include_tax: true,
    customer_id: 1,
    customer_ip_address: '192.0.2.1',
    customer_user_agent: 'stand-in',
    customer_note: '',
    billing: { ...address, email: 'ada@customer.example', phone: '' },
    shipping: address,
    payment_method: 'bacs',
    payment_method_title: 'Direct bank transfer',
    transaction_id: '',
    date_paid: null,
    date_paid_gmt: null,
    date_completed: null,
    date_completed_gmt: null,
    cart_hash: '',
    meta_data: [],
    line_items: [
      {
        id,
        name: 'Sample',
        product_id: 1,
        variation_id: 0,
        quantity: 1,
        tax_class: '',
        subtotal: total,
        subtotal_tax: '0.00',
        total,
        total_tax: '0.00',
        taxes: [],
        meta_data: [],
        sku: '',
        price: Number(total),
      },
    ],
    tax_lines: [],
    shipping_lines: [],
    fee_lines: [],
    coupon_lines: [],
    refunds: [],
  };
}

function productBody({ id, name, manageStock, stockQuantity, status = 'publish' }: StandInProduct): Record<string, unknown> {
  return {
    id,
    name,
    slug: name.toLowerCase().replaceAll(' ', '-'),
    permalink: `https://shop.example/product/${id}/`,
    type: 'simple',
    status,
    featured: false,
    catalog_visibility: 'visible',
    description: '',
    short_description: '',
    sku: `SKU-${id}`,
    price: '10.00',
    regular_price: '10.00',
    sale_price: '',
    on_sale: false,
    purchasable: true,
    total_sales: 0,
    virtual: false,
    downloadable: false,
    manage_stock: manageStock,
    stock_quantity: manageStock ? stockQuantity : null,
    stock_status: manageStock && (stockQuantity ?? 0) <= 0 ? 'outofstock' : 'instock',
    backorders: 'no',
    categories: [],
    tags: [],
    images: [],
    attributes: [],
    variations: [],
    meta_data: [],
  };
}

function systemStatus(currency: string): unknown {
  return {
    environment: {
      home_url: 'https://shop.example',
      site_url: 'https://shop.example',
      version: '10.0.0',
      log_directory_writable: true,
      wp_version: '6.8',
      wp_multisite: false,
      wp_memory_limit: 268_435_456,
      wp_debug_mode: false,
      wp_cron: true,
      language: 'en_US',
      server_info: 'stand-in',
      php_version: '8.3.0',
      mysql_version: '8.0.0',
      default_timezone: 'UTC',
    },
    database: { wc_database_version: '10.0.0', database_prefix: 'wp_', database_tables: {} },
    active_plugins: [],
    theme: { name: 'Storefront', version: '4.6.0', is_child_theme: false, has_woocommerce_support: true, overrides: [] },
    settings: { api_enabled: true, force_ssl: true, currency, thousand_separator: ',', decimal_separator: '.', number_of_decimals: 2 },
    security: { secure_connection: true, hide_errors: true },
    pages: [],
  };
}

const hourMs = 3_600_000;

/** Orders of the last 30 days, the same ones for the same hour: most are completed, some are in the making, a few were given up. */
export function standInOrders(now: Date): StandInOrder[] {
  const thisHour = Math.floor(now.getTime() / hourMs);
  return Array.from({ length: 30 * 24 }, (_, hoursAgo) => thisHour - hoursAgo)
    .filter((hour) => hour % 3 !== 0)
    .map((hour) => ({
      id: hour,
      status: statusOf(hour, thisHour - hour),
      total: (5 + ((hour * 7919) % 19_500) / 100).toFixed(2),
      createdAt: new Date(hour * hourMs),
    }));
}

/** Orders become completed with time, or never. */
function statusOf(hour: number, hoursAgo: number): string {
  const givenUp = ['pending', 'on-hold', 'failed', 'cancelled', 'refunded'][(hour * 31) % 40];
  return givenUp ?? (hoursAgo < 48 ? 'processing' : 'completed');
}

export function standInProducts(): StandInProduct[] {
  return Array.from({ length: 40 }, (_, index) => ({
    id: index + 1,
    name: `Sample ${index + 1}`,
    manageStock: index % 4 !== 0,
    stockQuantity: index % 4 === 0 ? null : (index * 13) % 60,
  }));
}
