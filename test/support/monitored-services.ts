import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveConfiguration, startAlertmanager, startPrometheus } from '../../local/prometheus.ts';
import type { TestDatabase } from './database.ts';
import { prometheusApi, type PrometheusApi } from './prometheus-api.ts';
import { restartPort } from './restart-port.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServicePorts, type ServiceProcess } from './service-process.ts';
import { testIdentity } from './services.ts';
import { requireTool } from './tools.ts';

/** Every process as it is, under Prometheus and Alertmanager with the repository's own rules and routing, `speedUp` times as fast. */
export interface MonitoredServices {
  exporter: ServiceProcess;
  api: ServiceProcess;
  ports: ServicePorts & { prometheus: number; alertmanager: number };
  prometheus: PrometheusApi;
  /** Starts another exporter in the place of one that has ended, and waits until it is ready. */
  restartExporter(): Promise<ServiceProcess>;
  stop(): Promise<void>;
}

export async function startMonitoredServices(options: {
  database: TestDatabase;
  speedUp: number;
  environment?: Readonly<Record<string, string>>;
}): Promise<MonitoredServices> {
  const { database, speedUp, environment = {} } = options;
  const ports = { ...(await servicePorts()), prometheus: await restartPort(), alertmanager: await restartPort() };
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  const start = (name: 'exporter' | 'api' | 'jobs'): ServiceProcess => {
    const service = startServiceProcess(name, { database, ports, environment });
    stops.push(() => service.stop());
    return service;
  };
  try {
    const services: MonitoredServices = {
      exporter: start('exporter'),
      api: start('api'),
      ports,
      prometheus: prometheusApi(ports.prometheus),
      restartExporter: async () => {
        services.exporter = start('exporter');
        await waitUntilReady(services.exporter);
        return services.exporter;
      },
      stop,
    };
    const jobs = start('jobs');
    const directory = await mkdtemp(join(tmpdir(), 'observability-monitored-'));
    stops.push(() => rm(directory, { recursive: true, force: true }));
    const configuration = await deriveConfiguration({ ports, directory, webhookToken: testIdentity.webhookToken, speedUp });
    const alertmanager = startAlertmanager(requireTool('alertmanager'), configuration, { port: ports.alertmanager });
    stops.push(() => alertmanager.stop());
    const args = ['--rules.alert.resend-delay=2s'];
    const prometheus = startPrometheus(requireTool('prometheus'), configuration, { port: ports.prometheus, args });
    stops.push(() => prometheus.stop());
    await Promise.all([services.exporter, services.api, jobs].map((service) => waitUntilReady(service)));
    return services;
  } catch (error) {
    await stop();
    throw error;
  }
}
