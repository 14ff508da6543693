/** Panels without data on the demo stack, and why that is right. All others have data there, or are broken. */
export const rightlyEmpty: readonly { dashboard: string; panel: string; reason: string }[] = [
  ...['Organizations that send less than a week ago', 'Events against a week ago'].map((panel) => ({
    dashboard: 'widget-analytics',
    panel,
    reason: 'the demo is younger than a week',
  })),
  ...[
    'Persistence success against a week ago',
    'Render time against a week ago (p95)',
    'Heap against a week ago (average)',
    'API response time against a week ago (p95)',
    'Persistence success of $org against a week ago',
    'Render time of $org against a week ago (p95)',
    'Heap of $org against a week ago (average)',
    'API response time of $org against a week ago (p95)',
  ].map((panel) => ({ dashboard: 'widget-performance', panel, reason: 'the demo is younger than a week' })),
  ...['Events of an hour against a week ago', 'Form completion against a week ago'].map((panel) => ({
    dashboard: 'marketing',
    panel,
    reason: 'the demo is younger than a week',
  })),
  { dashboard: 'marketing', panel: 'Alerts over time', reason: 'nothing is wrong with the marketing sites of the demo' },
  {
    dashboard: 'woocommerce',
    panel: 'Duration against a week ago',
    reason: 'the demo is younger than a week',
  },
];
