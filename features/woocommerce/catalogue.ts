/** The WooCommerce operations of the chat backend, a fixed catalogue. Source: contracts/woocommerce.md, Data. */

/** In the order of their numbers: the first is number 1. */
export const operationNames = [
  'search_products',
  'get_product_details',
  'check_stock',
  'get_stock_quantity',
  'check_price',
  'get_product_variations',
  'get_product_categories',
  'get_product_reviews',
  'get_low_stock_products',
  'check_order',
  'get_shipping_info',
  'get_shipping_methods',
  'get_customer_orders',
  'get_order_notes',
  'check_refund_status',
  'cancel_order',
  'add_to_cart',
  'get_cart',
  'remove_from_cart',
  'update_cart_quantity',
  'apply_coupon_to_cart',
  'get_payment_methods',
  'validate_coupon',
  'get_customer_insights',
  'get_sales_report',
] as const;

export type OperationName = (typeof operationNames)[number];

export const operationGroups = ['products', 'orders', 'cart', 'store', 'analytics'] as const;
export type OperationGroup = (typeof operationGroups)[number];

export const errorTypes = [
  'ValidationError',
  'NotFound',
  'OutOfStock',
  'InvalidState',
  'CouponInvalid',
  'UpstreamError',
  'Timeout',
  'ConfigurationError',
  'Unknown',
] as const;

/** Why an operation failed. `UnknownOperation` is not among them: it is a code of rejected reports and never stored. */
export type ErrorType = (typeof errorTypes)[number];

const errorTypesByName: ReadonlyMap<string, ErrorType> = new Map<string, ErrorType>([
  ...errorTypes.map((type): [string, ErrorType] => [type, type]),
  ['ZodError', 'ValidationError'],
  ['AxiosError', 'UpstreamError'],
  ['FetchError', 'UpstreamError'],
  ['AbortError', 'Timeout'],
  ['TimeoutError', 'Timeout'],
]);

/** The error type of a failed operation, from the name that its sender gave the error. */
export function errorTypeOf(name: string | undefined): ErrorType {
  return (name === undefined ? undefined : errorTypesByName.get(name)) ?? 'Unknown';
}

export interface Parameter {
  name: string;
  meaning: string;
}

export interface OperationDescription {
  group: OperationGroup;
  /** What it is for, in a sentence. */
  does: string;
  required: readonly Parameter[];
  /** At least one of these has to be there. */
  oneOf?: readonly Parameter[];
  optional: readonly Parameter[];
  /** The calls of the WooCommerce REST API v3 (`/wp-json/wc/v3`) or the Store API (`/wp-json/wc/store/v1`), in order. */
  calls: readonly string[];
  /** What comes back on success, in a sentence. */
  result: string;
  /** Those of its own, beside the ones that every operation can have (`commonErrorTypes`). */
  errorTypes: readonly ErrorType[];
}

/** What can go wrong with every operation: the shop is not set up, does not answer, answers wrongly, or the caller has a fault. */
export const commonErrorTypes = ['ConfigurationError', 'Timeout', 'UpstreamError', 'Unknown'] as const satisfies readonly ErrorType[];

/** When an operation fails with each of the types. */
export const errorTypeMeanings: Readonly<Record<ErrorType, string>> = {
  ValidationError: 'A parameter is missing or malformed, or WooCommerce answered 400.',
  NotFound: 'The product, order, customer or cart item does not exist.',
  OutOfStock: 'The product exists but cannot be had in that quantity.',
  InvalidState: 'The thing exists but its state forbids this, such as cancelling an order that is completed.',
  CouponInvalid: 'The coupon does not exist, has expired, is used up or does not apply to this cart.',
  UpstreamError: 'The shop could not be reached or answered with an error or with something unreadable.',
  Timeout: 'The shop did not answer in time.',
  ConfigurationError: 'No shop is configured for the domain, or it refuses the credentials.',
  Unknown: 'Any other failure, or one that came without a type.',
};

const productId: Parameter = { name: 'productId', meaning: 'id of the product' };
const orderId: Parameter = { name: 'orderId', meaning: 'id of the order' };
const email: Parameter = { name: 'email', meaning: 'e-mail address of the customer' };
const couponCode: Parameter = { name: 'couponCode', meaning: 'code of the coupon' };
const cartItemKey: Parameter = { name: 'cartItemKey', meaning: 'key of the line, as `get_cart` answers it' };
const limit: Parameter = { name: 'limit', meaning: 'the most entries to answer' };

const readProduct = 'GET /wp-json/wc/v3/products/<id>';
const readOrder = 'GET /wp-json/wc/v3/orders/<id>';
const productFailures = ['ValidationError', 'NotFound'] as const;

export const catalogue: Readonly<Record<OperationName, OperationDescription>> = {
  search_products: {
    group: 'products',
    does: 'Finds products by words and filters.',
    required: [],
    optional: [
      { name: 'query', meaning: 'words to search for' },
      { name: 'category', meaning: 'id of a category' },
      { name: 'minPrice', meaning: 'lowest price' },
      { name: 'maxPrice', meaning: 'highest price' },
      { name: 'inStock', meaning: 'only what is in stock' },
      limit,
    ],
    calls: ['GET /wp-json/wc/v3/products?search=&category=&min_price=&max_price=&stock_status=&per_page='],
    result: 'A list of products: id, name, SKU, price, stock status, link and pictures; empty when nothing matches.',
    errorTypes: ['ValidationError'],
  },
  get_product_details: {
    group: 'products',
    does: 'Reads everything about one product.',
    required: [productId],
    optional: [],
    calls: [readProduct],
    result: 'The product: names, descriptions, prices, stock, categories, attributes and pictures.',
    errorTypes: productFailures,
  },
  check_stock: {
    group: 'products',
    does: 'Tells whether a product can be had.',
    required: [productId],
    optional: [],
    calls: [readProduct],
    result: 'The stock status of the product: in stock, out of stock or on back order.',
    errorTypes: productFailures,
  },
  get_stock_quantity: {
    group: 'products',
    does: 'Tells how many of a product there are.',
    required: [productId],
    optional: [],
    calls: [readProduct],
    result: 'The quantity in stock, or that the shop does not count this product, with its stock status.',
    errorTypes: productFailures,
  },
  check_price: {
    group: 'products',
    does: 'Tells what a product costs now.',
    required: [productId],
    optional: [],
    calls: [readProduct],
    result: 'The price, the regular price, the sale price and whether the product is on sale.',
    errorTypes: productFailures,
  },
  get_product_variations: {
    group: 'products',
    does: 'Lists the variations of a product, such as sizes and colours.',
    required: [productId],
    optional: [limit],
    calls: ['GET /wp-json/wc/v3/products/<id>/variations?per_page='],
    result: 'A list of variations: id, SKU, attributes, price and stock status; empty for a product without variations.',
    errorTypes: productFailures,
  },
  get_product_categories: {
    group: 'products',
    does: 'Lists the categories of the shop.',
    required: [],
    optional: [{ name: 'parent', meaning: 'id of the category whose children are wanted, 0 for the top' }, limit],
    calls: ['GET /wp-json/wc/v3/products/categories?parent=&per_page='],
    result: 'A list of categories: id, name, slug, parent and number of products.',
    errorTypes: ['ValidationError'],
  },
  get_product_reviews: {
    group: 'products',
    does: 'Reads what customers wrote about a product.',
    required: [productId],
    optional: [limit],
    calls: ['GET /wp-json/wc/v3/products/reviews?product=&per_page='],
    result: 'A list of approved reviews: rating, text, name of the reviewer and date; empty when there are none.',
    errorTypes: productFailures,
  },
  get_low_stock_products: {
    group: 'products',
    does: 'Lists products that are about to run out.',
    required: [],
    optional: [{ name: 'threshold', meaning: 'the quantity from which downwards a product counts' }, limit],
    calls: ['GET /wp-json/wc/v3/products?status=publish&per_page='],
    result: 'A list of products with their quantity in stock, the lowest first.',
    errorTypes: ['ValidationError'],
  },
  check_order: {
    group: 'orders',
    does: 'Finds an order by its id or its customer.',
    required: [],
    oneOf: [orderId, email],
    optional: [],
    calls: [readOrder, 'GET /wp-json/wc/v3/orders?search=&per_page= (with an e-mail address)'],
    result: 'The order, or the newest of the customer: number, status, date, total, lines and shipping.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  get_shipping_info: {
    group: 'store',
    does: 'Explains where the shop ships to, and how.',
    required: [],
    optional: [],
    calls: ['GET /wp-json/wc/v3/shipping/zones', 'GET /wp-json/wc/v3/shipping/zones/<id>/methods'],
    result: 'The shipping zones, each with its methods and their costs.',
    errorTypes: [],
  },
  get_shipping_methods: {
    group: 'store',
    does: 'Lists the ways of shipping.',
    required: [],
    optional: [{ name: 'zoneId', meaning: 'id of a shipping zone' }],
    calls: ['GET /wp-json/wc/v3/shipping_methods', 'GET /wp-json/wc/v3/shipping/zones/<id>/methods (with a zone)'],
    result: 'A list of methods: id, title, cost and whether it is enabled.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  get_customer_orders: {
    group: 'orders',
    does: 'Lists the orders of a customer.',
    required: [email],
    optional: [limit],
    calls: ['GET /wp-json/wc/v3/customers?email=', 'GET /wp-json/wc/v3/orders?customer=&per_page='],
    result: 'A list of orders, newest first: number, status, date and total; empty when there are none.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  get_order_notes: {
    group: 'orders',
    does: 'Reads the notes of an order, such as the tracking number.',
    required: [orderId],
    optional: [],
    calls: ['GET /wp-json/wc/v3/orders/<id>/notes'],
    result: 'A list of notes: text, date and whether the customer may see it.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  check_refund_status: {
    group: 'orders',
    does: 'Tells what of an order was paid back.',
    required: [orderId],
    optional: [],
    calls: [readOrder, 'GET /wp-json/wc/v3/orders/<id>/refunds'],
    result: 'The refunds of the order: amount, reason and date of each, and their sum; empty when nothing was paid back.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  cancel_order: {
    group: 'orders',
    does: 'Cancels an order that has not been sent.',
    required: [orderId],
    optional: [{ name: 'reason', meaning: 'why, as a note on the order' }],
    calls: [readOrder, 'PUT /wp-json/wc/v3/orders/<id>', 'POST /wp-json/wc/v3/orders/<id>/notes (with a reason)'],
    result: 'The order with the status `cancelled`.',
    errorTypes: ['ValidationError', 'NotFound', 'InvalidState'],
  },
  add_to_cart: {
    group: 'cart',
    does: 'Puts a product into the cart.',
    required: [productId],
    optional: [
      { name: 'quantity', meaning: 'how many, 1 when left out' },
      { name: 'variationId', meaning: 'id of the variation' },
    ],
    calls: ['POST /wp-json/wc/store/v1/cart/add-item'],
    result: 'The cart with the new line: its lines, coupons and totals.',
    errorTypes: ['ValidationError', 'NotFound', 'OutOfStock', 'InvalidState'],
  },
  get_cart: {
    group: 'cart',
    does: 'Shows what is in the cart.',
    required: [],
    optional: [],
    calls: ['GET /wp-json/wc/store/v1/cart'],
    result: 'The lines of the cart with their keys, its coupons and totals; no lines when it is empty.',
    errorTypes: [],
  },
  remove_from_cart: {
    group: 'cart',
    does: 'Takes a line out of the cart.',
    required: [cartItemKey],
    optional: [],
    calls: ['POST /wp-json/wc/store/v1/cart/remove-item'],
    result: 'The cart without the line: its lines, coupons and totals.',
    errorTypes: ['ValidationError', 'NotFound'],
  },
  update_cart_quantity: {
    group: 'cart',
    does: 'Changes how many of a line are in the cart.',
    required: [cartItemKey, { name: 'quantity', meaning: 'the new quantity' }],
    optional: [],
    calls: ['POST /wp-json/wc/store/v1/cart/update-item'],
    result: 'The cart with the new quantity: its lines, coupons and totals.',
    errorTypes: ['ValidationError', 'NotFound', 'OutOfStock'],
  },
  apply_coupon_to_cart: {
    group: 'cart',
    does: 'Applies a coupon to the cart.',
    required: [couponCode],
    optional: [],
    calls: ['POST /wp-json/wc/store/v1/cart/apply-coupon'],
    result: 'The cart with the discount: its lines, coupons and totals.',
    errorTypes: ['ValidationError', 'InvalidState', 'CouponInvalid'],
  },
  get_payment_methods: {
    group: 'store',
    does: 'Lists the ways of paying.',
    required: [],
    optional: [],
    calls: ['GET /wp-json/wc/v3/payment_gateways'],
    result: 'A list of enabled payment methods: id, title and description.',
    errorTypes: [],
  },
  validate_coupon: {
    group: 'store',
    does: 'Tells whether a coupon is valid, without using it.',
    required: [couponCode],
    optional: [],
    calls: ['GET /wp-json/wc/v3/coupons?code='],
    result: 'The coupon: kind and amount of the discount, expiry date and limits.',
    errorTypes: ['ValidationError', 'CouponInvalid'],
  },
  get_customer_insights: {
    group: 'analytics',
    does: 'Lists the best customers.',
    required: [],
    optional: [limit],
    calls: ['GET /wp-json/wc/v3/customers?per_page=', 'GET /wp-json/wc/v3/orders?customer=&per_page='],
    result: 'A list of customers with the number of their orders and what they spent, the highest first.',
    errorTypes: ['ValidationError'],
  },
  get_sales_report: {
    group: 'analytics',
    does: 'Sums up the sales of a period.',
    required: [],
    optional: [
      { name: 'period', meaning: '`day`, `week`, `month` or `year`' },
      { name: 'dateMin', meaning: 'first day, `YYYY-MM-DD`' },
      { name: 'dateMax', meaning: 'last day, `YYYY-MM-DD`' },
    ],
    calls: ['GET /wp-json/wc/v3/reports/sales?period=&date_min=&date_max='],
    result: 'Sales, orders, items, taxes, shipping and discounts of the period, in all and per day.',
    errorTypes: ['ValidationError'],
  },
};
