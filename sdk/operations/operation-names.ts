// Made by npm run generate from features/woocommerce/catalogue.ts: change it there.

/** The catalogue: every operation that the exporter takes. */
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
