/** Panels without data on the demo stack, and why that is right. All others have data there, or are broken. */
export const rightlyEmpty: readonly { dashboard: string; panel: string; reason: string }[] = [
  {
    dashboard: 'woocommerce',
    panel: 'Duration against a week ago',
    reason: 'the demo is younger than a week',
  },
];
