/**
 * Memory for the bodies of requests, over all requests of a process: rows that wait are bounded, but say little of memory, since one may be of
 * fifty bytes or of a quarter of a megabyte. When there is no room left, bodies that take long to arrive are given up, or a few senders who hold
 * theirs back could keep everybody else out.
 */
export interface ByteBudget {
  open(): ByteShare;
  takenBytes(): number;
}

/** What one request holds, from the first byte of its body until it is answered. */
export interface ByteShare {
  /** Whether so many would fit now. Takes nothing: what is announced may come slowly, or never. */
  hasRoomFor(bytes: number): boolean;
  /** False when they do not fit; then none is taken. */
  take(bytes: number): boolean;
  /** From now on until `arrived` the body may be given up for others. It holds nothing any more when `giveUp` is called. */
  arriving(giveUp: () => void): void;
  arrived(): void;
  release(): void;
}

/** How long a body may take to arrive before it is given up for others; most take milliseconds. */
const patienceMs = 1000;

interface Arrival {
  since: number;
  giveUp: () => void;
}

/** `now` counts milliseconds and never goes back. */
export function createByteBudget(limitBytes: number, now: () => number = () => performance.now()): ByteBudget {
  let taken = 0;
  /** The oldest first. */
  const arrivals = new Set<Arrival>();

  function makeRoomFor(bytes: number, own: Arrival | undefined): boolean {
    for (const arrival of arrivals) {
      if (taken + bytes <= limitBytes || now() - arrival.since < patienceMs) break;
      if (arrival !== own) arrival.giveUp();
    }
    return taken + bytes <= limitBytes;
  }

  return { open, takenBytes: () => taken };

  function open(): ByteShare {
    let own = 0;
    let arrival: Arrival | undefined;
    const arrived = (): void => {
      if (arrival !== undefined) arrivals.delete(arrival);
    };
    const release = (): void => {
      arrived();
      taken -= own;
      own = 0;
    };
    return {
      hasRoomFor: (bytes) => makeRoomFor(bytes, arrival),
      take: (bytes) => {
        if (!makeRoomFor(bytes, arrival)) return false;
        taken += bytes;
        own += bytes;
        return true;
      },
      arriving: (giveUp) => {
        arrival = {
          since: now(),
          giveUp: () => {
            release();
            giveUp();
          },
        };
        arrivals.add(arrival);
      },
      arrived,
      release,
    };
  }
}
