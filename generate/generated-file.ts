/** A committed file that is made from the code. `path` is relative to the checkout. */
export interface GeneratedFile {
  path: string;
  text: string;
}

/** One subject's generated files, all of them: what a generator no longer names is not generated any more and has to be deleted by hand. */
export type Generator = () => Promise<readonly GeneratedFile[]>;
