import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { requireTool } from '../test/support/tools.ts';
import { type DerivedConfiguration, deriveConfiguration } from './prometheus.ts';

const ports = {
  exporter: 21_001,
  exporterMetrics: 21_002,
  apiMetrics: 21_003,
  jobsMetrics: 21_004,
  prometheus: 21_005,
  alertmanager: 21_006,
};

interface Rule {
  alert?: string;
  expr: string;
  for?: string;
}

let directory: string;
let asWritten: DerivedConfiguration;
let hurried: DerivedConfiguration;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'derived-'));
  asWritten = await deriveConfiguration({ ports, directory: join(directory, 'as-written'), webhookToken: 'token' });
  hurried = await deriveConfiguration({ ports, directory: join(directory, 'hurried'), webhookToken: 'token', speedUp: 30 });
});

afterAll(() => rm(directory, { recursive: true }));

describe.each([
  ['as written', () => asWritten],
  ['30 times as fast', () => hurried],
])('%s', (_name, configuration) => {
  test('Prometheus and Alertmanager accept it', async () => {
    const checks = [
      [requireTool('promtool'), 'check', 'config', configuration().prometheusFile],
      [requireTool('amtool'), 'check-config', configuration().alertmanagerFile],
    ] as const;
    for (const [program, ...args] of checks) {
      const { stdout } = await promisify(execFile)(program, args);
      expect(stdout).toContain('SUCCESS');
    }
  });

  test('every rules file of the repository is there', async () => {
    const inRepository = (await readdir('prometheus/rules')).filter((name) => name.endsWith('.yml'));
    expect(await readdir(join(configuration().directory, 'rules'))).toEqual(inRepository);
  });

  test('Prometheus scrapes and alerts on the given ports only', async () => {
    const text = await readFile(configuration().prometheusFile, 'utf8');
    const used = new Set([...text.matchAll(/\d+\.\d+\.\d+\.\d+:\d+/g)].map(([address]) => address));
    expect([...used].toSorted()).toEqual(['127.0.0.1:21002', '127.0.0.1:21003', '127.0.0.1:21004', '127.0.0.1:21005', '127.0.0.1:21006']);
  });

  test('Alertmanager posts to the given exporter with the token from a private file', async () => {
    const text = await readFile(configuration().alertmanagerFile, 'utf8');
    expect(text).toContain('http://127.0.0.1:21001/ingest/alertmanager');
    const tokenFile = /credentials_file: (.+)/.exec(text)?.[1] ?? '';
    expect(await readFile(tokenFile, 'utf8')).toBe('token');
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  });
});

test('as written, the rules are those of the repository', async () => {
  for (const name of await readdir(join(asWritten.directory, 'rules'))) {
    expect(await readYaml(join(asWritten.directory, 'rules', name))).toEqual(await readYaml(join('prometheus/rules', name)));
  }
});

test('30 times as fast: intervals, waits and ranges shrink, thresholds in seconds do not', async () => {
  const prometheus = (await readYaml(hurried.prometheusFile)) as {
    global: object;
    scrape_configs: { job_name: string; scrape_interval?: string }[];
  };
  expect(prometheus.global).toMatchObject({ scrape_interval: '500ms', evaluation_interval: '500ms' });
  expect(prometheus.scrape_configs.find(({ job_name }) => job_name === 'exporter-orgs')?.scrape_interval).toBe('1s');

  const before = await rulesOf('prometheus/rules/stack.yml');
  const after = await rulesOf(join(hurried.directory, 'rules', 'stack.yml'));
  const rule = (rules: Rule[], alert: string): Rule | undefined => rules.find((one) => one.alert === alert);
  expect(rule(before, 'ObservabilityIngestUnavailable')).toMatchObject({ for: '1m', expr: expect.stringContaining('[5m]') });
  expect(rule(after, 'ObservabilityIngestUnavailable')).toMatchObject({ for: '2s', expr: expect.stringContaining('[10s]') });
  expect(rule(before, 'ObservabilityCounterFlushStalled')?.expr).toContain('> 60');
  expect(rule(after, 'ObservabilityCounterFlushStalled')?.expr).toContain('> 60');

  const { route } = (await readYaml(hurried.alertmanagerFile)) as { route: object };
  expect(route).toMatchObject({ group_wait: '1s', group_interval: '10s', repeat_interval: '480s' });
});

async function rulesOf(file: string): Promise<Rule[]> {
  const { groups } = (await readYaml(file)) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

async function readYaml(file: string): Promise<unknown> {
  return parse(await readFile(file, 'utf8'));
}
