import { apiClient } from './api-client.ts';
import { browserSdk } from './browser-sdk.ts';
import { compose } from './compose.ts';
import { dashboards } from './dashboards.ts';
import type { Generator } from './generated-file.ts';
import { kubernetes } from './kubernetes.ts';
import { metricsPage } from './metrics-page.ts';
import { openapi } from './openapi.ts';
import { woocommerceOperations } from './woocommerce-operations.ts';

/** Everything that is generated and committed, one line each, in the order in which one builds on another. */
export const generators: Readonly<Record<string, Generator>> = {
  'woocommerce operations': woocommerceOperations,
  // Before the document: the exporter has a route for what is there.
  'browser sdk': browserSdk,
  openapi,
  'api-client': apiClient,
  dashboards,
  'metrics-page': metricsPage,
  compose,
  // After the dashboards, which it puts into ConfigMaps.
  kubernetes,
};
