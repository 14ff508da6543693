import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { durabilityLine, measureDurability, type DurabilityResult } from '../test/support/durability.ts';
import { eventDurabilityLine, measureEventDurability, type EventDurability } from '../test/support/event-load.ts';
import { startDurableDatabase } from '../test/support/durable-database.ts';

const help = [
  'usage: npm run bench:durability -- [--kills=20] [--connections=48]',
  'Kills the exporter (SIGKILL) under load, over and over, and compares what is stored with what was acknowledged. Exits 1 when that differs.',
  'No loss in n kills bounds the chance of a loss per kill at 3/n (95 %): 20 kills at 15 %, 300 kills at 1 %.',
].join('\n');

const batchesBetweenKills = { from: 500, to: 3000 };

/**
 * What is lost when the exporter is killed under load, on a database server of its own that flushes every commit to disk. Prints one line.
 * @throws naming everything that was not as it must be, too few interrupted requests to prove anything included.
 */
export async function run({ kills = 20, connections = 48, print = writeLine } = {}): Promise<DurabilityResult> {
  const database = await startDurableDatabase();
  try {
    const result = await measureDurability({ database, kills, connections, organizations: 8, batchesBetweenKills });
    print(durabilityLine(result));
    const problems = problemsOf(result);
    const events = await measureEventDurability({ database, kills, connections, organizations: 8, batchesBetweenKills });
    print(eventDurabilityLine(events));
    problems.push(...problemsOfEvents(events));
    if (problems.length > 0) throw new Error(`not proven: ${problems.join('; ')}`);
    return result;
  } finally {
    await database.drop();
  }
}

function problemsOf(result: DurabilityResult): string[] {
  const { lost, duplicates, changedOrganizations, inventedBatches, lossesSeenAfterKills, replayed, kills } = result;
  const otherAnswers = [...result.answers.keys()].filter((answer) => answer !== '202');
  const found: [boolean, string][] = [
    [lost > 0, `${lost} acknowledged messages are not stored`],
    [duplicates > 0, `${duplicates} messages are stored twice`],
    [changedOrganizations > 0, `${changedOrganizations} organizations store other durations than were sent`],
    [inventedBatches > 0, `${inventedBatches} stored batches were never sent`],
    [lossesSeenAfterKills > 0, `after ${lossesSeenAfterKills} kills less was stored than had been acknowledged`],
    [replayed.duplicates < replayed.sent, `${replayed.sent - replayed.duplicates} of ${replayed.sent} repeated batches were counted again`],
    [otherAnswers.length > 0, `answers other than 202: ${otherAnswers.join(', ')}`],
    // What follows would make all of the above worthless.
    [new Set(result.pids).size !== kills + 1, `${kills} kills left fewer than ${kills + 1} processes`],
    [result.unknown < kills, `${result.unknown} requests were interrupted by ${kills} kills`],
    [result.acknowledged < kills * batchesBetweenKills.from, `only ${result.acknowledged} messages were acknowledged`],
    [replayed.sent === 0, 'no batch was repeated'],
  ];
  return found.filter(([isWrong]) => isWrong).map(([, problem]) => problem);
}

function problemsOfEvents(result: EventDurability): string[] {
  const { acknowledged, lost, duplicates, invented, miscountedSessions, pids, unknown, kills, answers } = result;
  const otherAnswers = [...answers.keys()].filter((answer) => answer !== '204');
  const found: [boolean, string][] = [
    [lost > 0, `${lost} acknowledged events are not stored`],
    [duplicates > 0, `${duplicates} events are stored twice`],
    [invented > 0, `${invented} stored events were never sent`],
    [miscountedSessions !== 0, `${miscountedSessions} sessions do not count what their events say`],
    [otherAnswers.length > 0, `answers other than 204: ${otherAnswers.join(', ')}`],
    [new Set(pids).size !== kills + 1, `${kills} kills left fewer than ${kills + 1} processes`],
    [unknown < kills, `${unknown} requests with events were interrupted by ${kills} kills`],
    [acknowledged < kills * batchesBetweenKills.from, `only ${acknowledged} events were acknowledged`],
  ];
  return found.filter(([isWrong]) => isWrong).map(([, problem]) => problem);
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A positive whole number. */
function count(option: string, value: string): number {
  if (!/^[1-9]\d{0,4}$/.test(value)) throw new Error(`--${option}=${value}: give a whole number from 1 to 99999\n${help}`);
  return Number(value);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '20' },
      connections: { type: 'string', default: '48' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return writeLine(help);
  await run({ kills: count('kills', values.kills), connections: count('connections', values.connections) });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main().catch((error: unknown) => {
    process.stderr.write(`durability: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
