import { createApiClient } from './client.ts';

/** Prints how the widget of an organization is: node example.ts <address of the API> <token of one of its users> */
const [baseUrl = 'http://localhost:8080', token = ''] = process.argv.slice(2);
const api = createApiClient({ baseUrl, token });

const { data: health, error } = await api.GET('/portal/widget/health');
if (error === undefined) {
  const { status, loads, responseTime } = health;
  process.stdout.write(`${status}: ${loads.total} loads, ${loads.failures} failed, p95 ${responseTime.p95 ?? '-'} ms\n`);
} else {
  // The codes that this operation may answer, and no others: a switch over them is checked by the compiler.
  const { code, message, requestId } = error.error;
  process.stderr.write(`${code}: ${message} (request ${requestId})\n`);
  process.exitCode = 1;
}
