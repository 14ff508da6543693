import type { Dashboard, DashboardFile, Panel } from '../../support/dashboard-files.ts';
import type { AlertRule, Rule, RulesFile } from '../../support/rule-files.ts';

/** What a check finds in a copy and not in the files: so a defect of the files makes one test red, and not all that break copies. */
export function foundIn<Files>(copy: Files, files: Files, check: (files: Files) => string[]): string[] {
  const known = check(files);
  return check(copy).filter((finding) => !known.includes(finding));
}

/** The rules, with one alert that is different: what a check must find. The files stay as they are. */
export function withAlert(files: readonly RulesFile[], name: string, change: (rule: AlertRule) => Partial<AlertRule>): RulesFile[] {
  const changed = (rule: Rule): Rule => ('alert' in rule && rule.alert === name ? { ...rule, ...change(rule) } : rule);
  return files.map((file) => ({ ...file, rules: file.rules.map(changed) }));
}

/** The dashboards, with panels of one title that are different. */
export function withPanel(files: readonly DashboardFile[], title: string, change: (panel: Panel) => Partial<Panel>): DashboardFile[] {
  const changed = (panel: Panel): Panel =>
    panel.title === title ? { ...panel, ...change(panel) } : { ...panel, panels: panel.panels.map(changed) };
  return files.map(({ name, dashboard }) => ({ name, dashboard: { ...dashboard, panels: dashboard.panels.map(changed) } }));
}

/** The dashboards, one of which is different itself. */
export function withDashboard(
  files: readonly DashboardFile[],
  uid: string,
  change: (dashboard: Dashboard) => Partial<Dashboard>,
): DashboardFile[] {
  return files.map(({ name, dashboard }) => ({
    name,
    dashboard: dashboard.uid === uid ? { ...dashboard, ...change(dashboard) } : dashboard,
  }));
}

/** The queries of a panel, in which something is written differently. */
export const asking =
  (from: string | RegExp, to: string) =>
  ({ targets }: Panel): Partial<Panel> => ({ targets: targets.map((target) => ({ ...target, expr: target.expr.replace(from, to) })) });

/** The expression of an alert, in which something is written differently. */
export const written =
  (from: string | RegExp, to: string) =>
  ({ expr }: AlertRule): Partial<AlertRule> => ({ expr: expr.replace(from, to) });
