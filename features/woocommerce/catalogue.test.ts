import { describe, expect, test } from 'vitest';
import { catalogue, commonErrorTypes, errorTypeMeanings, errorTypeOf, errorTypes, operationGroups, operationNames } from './catalogue.ts';

const parameterNames = (name: keyof typeof catalogue): string[] => catalogue[name].required.map((parameter) => parameter.name);

describe('the catalogue', () => {
  test('has 25 operations, each number once', () => {
    expect(operationNames).toHaveLength(25);
    expect(new Set(operationNames).size).toBe(25);
    expect(Object.keys(catalogue)).toEqual([...operationNames]);
    expect([operationNames[9], operationNames[16], operationNames[23]]).toEqual(['check_order', 'add_to_cart', 'get_customer_insights']);
  });

  test.each([
    ['products', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['orders', [10, 13, 14, 15, 16]],
    ['cart', [17, 18, 19, 20, 21]],
    ['store', [11, 12, 22, 23]],
    ['analytics', [24, 25]],
  ])('has in the group %s the numbers %j', (group, numbers) => {
    expect(operationGroups).toContain(group);
    expect(operationNames.flatMap((name, index) => (catalogue[name].group === group ? [index + 1] : []))).toEqual(numbers);
  });

  test('requires the contracted parameters and no others', () => {
    const required = Object.fromEntries(
      operationNames.filter((name) => parameterNames(name).length > 0).map((name) => [name, parameterNames(name)]),
    );
    expect(required).toEqual({
      get_product_details: ['productId'],
      check_stock: ['productId'],
      get_stock_quantity: ['productId'],
      check_price: ['productId'],
      get_product_variations: ['productId'],
      get_product_reviews: ['productId'],
      get_customer_orders: ['email'],
      get_order_notes: ['orderId'],
      check_refund_status: ['orderId'],
      cancel_order: ['orderId'],
      add_to_cart: ['productId'],
      remove_from_cart: ['cartItemKey'],
      update_cart_quantity: ['cartItemKey', 'quantity'],
      apply_coupon_to_cart: ['couponCode'],
      validate_coupon: ['couponCode'],
    });
    expect(operationNames.filter((name) => catalogue[name].oneOf !== undefined)).toEqual(['check_order']);
    expect(catalogue.check_order.oneOf?.map(({ name }) => name)).toEqual(['orderId', 'email']);
  });

  test.each(operationNames)('describes %s: calls of WooCommerce, a result, errors that it does not share with all', (name) => {
    const { does, result, calls, errorTypes: own } = catalogue[name];
    for (const sentence of [does, result]) expect(sentence).toMatch(/^[A-Z].*\.$/);
    for (const call of calls) expect(call).toMatch(/^(GET|POST|PUT) \/wp-json\/wc\/(v3|store\/v1)\//);
    expect(calls.length).toBeGreaterThan(0);
    expect(own.filter((type) => (commonErrorTypes as readonly string[]).includes(type))).toEqual([]);
    expect(new Set(own).size).toBe(own.length);
  });

  test('can have every error type somewhere, and each has a meaning', () => {
    const possible = new Set([...commonErrorTypes, ...operationNames.flatMap((name) => catalogue[name].errorTypes)]);
    expect([...possible].toSorted()).toEqual(errorTypes.toSorted());
    expect(Object.keys(errorTypeMeanings)).toEqual([...errorTypes]);
  });
});

describe('errorTypeOf', () => {
  test.each([
    ...errorTypes.map((type) => [type, type]),
    ['ZodError', 'ValidationError'],
    ['AxiosError', 'UpstreamError'],
    ['FetchError', 'UpstreamError'],
    ['AbortError', 'Timeout'],
    ['TimeoutError', 'Timeout'],
    ['Error', 'Unknown'],
    ['TypeError', 'Unknown'],
    ['UnknownOperation', 'Unknown'],
    ['validationerror', 'Unknown'],
    ['', 'Unknown'],
    ['constructor', 'Unknown'],
    ['__proto__', 'Unknown'],
    [undefined, 'Unknown'],
  ] as [string | undefined, string][])('%j is %s', (name, type) => {
    expect(errorTypeOf(name)).toBe(type);
  });
});
