import { marketingAuditActions, marketingReadRoutes } from '../features/marketing/read-routes.ts';
import { widgetAnalyticsAuditActions, widgetAnalyticsReadRoutes } from '../features/widget-analytics/read-routes.ts';
import { widgetHealthAuditActions, widgetHealthReadRoutes } from '../features/widget-health/read-routes.ts';
import { widgetPerformanceAuditActions, widgetPerformanceReadRoutes } from '../features/widget-performance/read-routes.ts';
import { woocommerceAuditActions, woocommerceReadRoutes } from '../features/woocommerce/read-routes.ts';
import type { ApiDeps } from '../platform/http/api-slice.ts';
import type { Route } from '../platform/http/route.ts';

/** The read side of every slice, one line each. */
export const apiSlices: readonly ((deps: ApiDeps) => Route[])[] = [
  widgetHealthReadRoutes,
  woocommerceReadRoutes,
  widgetAnalyticsReadRoutes,
  widgetPerformanceReadRoutes,
  marketingReadRoutes,
];

/** Audit actions of every slice, so that their failure counters exist from the start. */
export const auditActions: readonly string[] = [
  ...widgetHealthAuditActions,
  ...woocommerceAuditActions,
  ...widgetAnalyticsAuditActions,
  ...widgetPerformanceAuditActions,
  ...marketingAuditActions,
];
