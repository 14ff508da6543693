/** Panels without data on the demo stack, and why that is right. All others have data there, or are broken. */
export const rightlyEmpty: readonly { dashboard: string; panel: string; reason: string }[] = [];
