/** Where progress is shown: a terminal, or a file of lines. */
export interface ProgressOutput {
  isTTY?: boolean;
  write: (text: string) => unknown;
}

export interface Progress {
  /** One more is done; `what` names it. */
  advance: (what: string) => void;
  /** Leaves the last state on the screen. */
  end: () => void;
}

const barWidth = 30;

/** A bar that redraws itself on a terminal; elsewhere a line for each step, as logs want it. */
export function reportProgress(output: ProgressOutput, { total, unit }: { total: number; unit: string }): Progress {
  let done = 0;
  return {
    advance: (what) => {
      done += 1;
      output.write(
        output.isTTY === true ? `\r${bar(done, total)} ${done}/${total} ${unit}  ${what}\u001b[K` : `${done}/${total} ${unit}  ${what}\n`,
      );
    },
    end: () => {
      if (output.isTTY === true && done > 0) output.write('\n');
    },
  };
}

function bar(done: number, total: number): string {
  const filled = Math.floor((done / total) * barWidth);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
}
