/** Advice of copies that names options of the API: the command line has words of its own in its place. */
export const COPY_ADVICE = {
  unholdable: 'Rename or shrink them in the source, or copy the rest with skipUnholdable.',
  emptySource: 'Check the source and the prefix; deletePrefix() empties a folder.',
  journal: 'Name another file with `journal`, or copy without one (false).',
  foreignJournal: 'Name another file with `journal`; this one was left as it is.',
  busyJournal: 'Wait for its end, or name another file with `journal`.',
  changedExtra: 'Look at it again with dryRun, and confirm what would go now.',
} as const;
