import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import type { FeatureName } from '../../features/names.ts';
import { marketing, marketingAtAGlance } from './marketing.ts';
import type { UnplacedPanel } from './panels.ts';
import { widgetAnalytics, widgetAnalyticsAtAGlance } from './widget-analytics.ts';
import { widgetHealth, widgetHealthAtAGlance } from './widget-health.ts';
import { widgetPerformance, widgetPerformanceAtAGlance } from './widget-performance.ts';
import { woocommerce, woocommerceAtAGlance } from './woocommerce.ts';

/** A feature's own dashboard, whose uid is the feature's name, and its line in the overview. One line per feature. */
export const featureDashboards: Readonly<Record<FeatureName, { dashboard: () => Dashboard; atAGlance: () => UnplacedPanel[] }>> = {
  'widget-health': { dashboard: widgetHealth, atAGlance: widgetHealthAtAGlance },
  'widget-analytics': { dashboard: widgetAnalytics, atAGlance: widgetAnalyticsAtAGlance },
  'widget-performance': { dashboard: widgetPerformance, atAGlance: widgetPerformanceAtAGlance },
  marketing: { dashboard: marketing, atAGlance: marketingAtAGlance },
  woocommerce: { dashboard: woocommerce, atAGlance: woocommerceAtAGlance },
};
