import { marketingIngest } from '../features/marketing/ingest-routes.ts';
import { widgetAnalyticsIngest } from '../features/widget-analytics/ingest-routes.ts';
import { widgetHealthIngest } from '../features/widget-health/ingest-routes.ts';
import { widgetPerformanceIngest } from '../features/widget-performance/ingest-routes.ts';
import { woocommerceIngest } from '../features/woocommerce/ingest-routes.ts';
import { alertsIngest } from '../platform/alerts/ingest-routes.ts';
import type { ExporterDeps, ExporterSlice } from '../platform/http/exporter-slice.ts';
import { browserSdk } from './browser-sdk.ts';

/** The write side of every slice, one line each. */
export const exporterSlices: readonly ((deps: ExporterDeps) => ExporterSlice)[] = [
  alertsIngest,
  widgetHealthIngest,
  widgetAnalyticsIngest,
  widgetPerformanceIngest,
  woocommerceIngest,
  marketingIngest,
  browserSdk,
];
