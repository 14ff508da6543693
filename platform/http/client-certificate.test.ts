import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCertificate } from '../../test/support/certificates.ts';
import { alternativeNames } from './client-certificate.ts';

test('every kind of name in a certificate is read, an address in its shortest form', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'names-'));
  try {
    const names =
      'DNS:prometheus.example,DNS:*.example,URI:spiffe://example/prometheus,email:sre@prometheus.example,IP:192.0.2.7,IP:2001:DB8::1';
    const { certificate } = createCertificate(folder, 'client', { names });
    expect([...alternativeNames(new X509Certificate(await readFile(certificate)))].toSorted()).toEqual(
      ['*.example', '192.0.2.7', '2001:db8::1', 'prometheus.example', 'spiffe://example/prometheus', 'sre@prometheus.example'].toSorted(),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each<[string, string | undefined, string[]]>([
  ['there is none', undefined, []],
  [
    'a name has a comma, as Node writes it',
    String.raw`URI:"spiffe://a, DNS:prometheus.example", DNS:b`,
    ['spiffe://a, DNS:prometheus.example', 'b'],
  ],
  ['a name has a quote, as Node writes it', String.raw`URI:"a\u0022, DNS:prometheus.example", DNS:b`, ['a", DNS:prometheus.example', 'b']],
  ['there is a kind that cannot be compared', 'othername:<unsupported>, DNS:b', ['b']],
  ['a quote is not closed', 'DNS:a, URI:"b, DNS:c', []],
  ['something follows a name', 'DNS:"a"b, DNS:c', []],
])('when %s, no name is made up', (_case, subjectAltName, names) => {
  expect([...alternativeNames({ subjectAltName })]).toEqual(names);
});
