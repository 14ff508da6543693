import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

const typeA = 1;
const typeAaaa = 28;
const noSuchName = 3;

export interface DnsServer {
  /** For dns.setServers: `127.0.0.1:port`. */
  address: string;
  /** Names that were asked for, each with its type. */
  questions: string[];
  close: () => Promise<void>;
}

/**
 * A name server on 127.0.0.1. `addressesOf` answers the addresses of a name, undefined for a name that does not exist, and 'silence' to
 * leave the question without an answer.
 */
export async function startDnsServer(addressesOf: (name: string) => readonly string[] | undefined | 'silence'): Promise<DnsServer> {
  const socket: Socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (message, { port, address }) => {
    const { name, type, end } = readQuestion(message);
    questions.push(`${name} ${type === typeA ? 'A' : type === typeAaaa ? 'AAAA' : type}`);
    const addresses = addressesOf(name);
    if (addresses === 'silence') return;
    const family = type === typeA ? 4 : 6;
    const records = (addresses ?? [])
      .filter((known) => isIP(known) === family)
      .map((known) => record(type, ipaddr.parse(known).toByteArray()));
    socket.send(
      Buffer.concat([header(message, addresses === undefined ? noSuchName : 0, records.length), message.subarray(12, end), ...records]),
      port,
      address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** RFC 1035, 4.1.2: labels with their lengths, then type and class. */
function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** One question, no authority, nothing additional. */
function header(question: Buffer, code: number, answers: number): Buffer {
  const bytes = Buffer.alloc(12);
  question.copy(bytes, 0, 0, 2);
  bytes.writeUInt16BE(0x8180 | code, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  return bytes;
}

/** For the name of the question, valid for no time at all. */
function record(type: number, address: number[]): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(0xc00c, 0);
  bytes.writeUInt16BE(type, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(address.length, 10);
  return Buffer.concat([bytes, Buffer.from(address)]);
}
