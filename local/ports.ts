import { once } from 'node:events';
import { createServer } from 'node:net';
import { isErrno } from './postgres-binaries.ts';

const defaultPorts = {
  api: 8080,
  exporter: 8081,
  exporterMetrics: 9464,
  apiMetrics: 9465,
  jobsMetrics: 9466,
  prometheus: 9090,
  alertmanager: 9093,
  /** A page with the widget, for a browser. */
  demoPage: 8090,
  /** Not 5432: a PostgreSQL of the system may have that. */
  postgres: 54320,
};

export type StackPorts = typeof defaultPorts;

/** The ports of a stack; `offset` is added to each, so that two stacks can run side by side. */
export function portsWithOffset(offset: number): StackPorts {
  return Object.fromEntries(Object.entries(defaultPorts).map(([name, port]) => [name, port + offset])) as StackPorts;
}

/** @throws naming every port that is taken, before anything is started. */
export async function assertPortsFree(ports: Record<string, number>): Promise<void> {
  const taken: string[] = [];
  for (const [name, port] of Object.entries(ports)) {
    if (!(await isFree(port))) taken.push(`${port} (${name})`);
  }
  if (taken.length === 0) return;
  throw new Error(`In use: port ${taken.join(', ')}. Stop what listens there, or start with --port-offset=1000 to use other ports.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE')) return false;
    throw error;
  } finally {
    server.close();
  }
}
