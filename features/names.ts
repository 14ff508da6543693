/** The features that are observed. Each name is a folder here, a rules file and its tests, a runbook and a dashboard. */
export const featureNames = ['widget-health', 'widget-analytics', 'widget-performance', 'marketing', 'woocommerce'] as const;

export type FeatureName = (typeof featureNames)[number];
