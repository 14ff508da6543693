import type { IncomingHttpHeaders } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { TLSSocket, type CipherNameAndProtocol, type EphemeralKeyInfo } from 'node:tls';

export interface TlsAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Serial number of the certificate that the server showed. */
  serialNumber: string;
  cipher: CipherNameAndProtocol;
  /** The curve of the key exchange; empty when there was none. */
  group: string;
}

/** A GET on a connection of its own. */
export function getOverTls(url: string, options: RequestOptions = {}): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, ...options }, (response) => {
      const { socket } = response;
      if (!(socket instanceof TLSSocket)) return reject(new Error('the connection is not encrypted'));
      const { serialNumber } = socket.getPeerCertificate();
      const cipher = socket.getCipher();
      const { name: group = '' } = (socket.getEphemeralKeyInfo() ?? {}) as Partial<EphemeralKeyInfo>;
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text, serialNumber, cipher, group }));
    });
    outgoing.on('error', reject).end();
  });
}
