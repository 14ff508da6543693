import { createTracker, trackAll, trackOperation } from './index.ts';

const [url = 'http://127.0.0.1:8081', ingestKey = ''] = process.argv.slice(2);
const tracker = createTracker({ url, ingestKey, onError: ({ code, message }) => process.stderr.write(`${code}: ${message}\n`) });

// One operation.
const price = await trackOperation(tracker, { operation: 'check_price', domain: 'shop.example' }, async () => {
  return { success: true, price: '19.90' };
});

// All operations of a client: the same methods, the same results.
const shop = trackAll(
  tracker,
  {
    searchProducts: async (query: string) => ({ success: true, products: [query] }),
    addToCart: async (_productId: number) => ({ success: false, error_type: 'OutOfStock', message: 'none left' }),
  },
  { domain: 'shop.example' },
);
await shop.searchProducts('pump');
await shop.addToCart(7);

await tracker.close();
const { sent, dropped } = tracker.stats();
process.stdout.write(`price ${price.price}; ${sent} operations sent, ${dropped.refused + dropped.closed} dropped\n`);
