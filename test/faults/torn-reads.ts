/** A load of reads against overwrites and deletes that finds torn bytes and metadata of another version. */

/** What the load needs of a store. */
export interface TornReadSubject {
  write(key: string, bytes: Buffer, version: number): Promise<void>;
  remove(key: string): Promise<void>;
  /** Undefined where there is nothing. */
  read(key: string): Promise<{ bytes: Buffer; version: number; size: number } | undefined>;
}

export interface TornReadReport {
  readonly reads: number;
  /** Reads that found nothing, because the key was deleted. */
  readonly missing: number;
  /** Bytes that are no version at all. */
  readonly torn: number;
  /** Bytes of one version with the metadata of another. */
  readonly mixed: number;
}

const KEYS = ['hot', 'folder/warm', 'folder/deep/er', '公司/文件.bin'];
const READERS = 16;
const WRITERS = 4;

/** Mostly small, now and then of several reads. */
function sizeOf(version: number): number {
  return version % 197 === 0 ? 600_000 : 4 + ((version * 2_654_435_761) % 4_000);
}

function bytesOf(version: number): Buffer {
  const pattern = Buffer.alloc(4);
  pattern.writeUInt32BE(version);
  return Buffer.alloc(sizeOf(version), pattern);
}

/** Writes are spread evenly over the reads; every eighth is a delete. */
export async function tornReads(subject: TornReadSubject, reads: number, writes: number): Promise<TornReadReport> {
  let version = 0;
  for (const key of KEYS) await subject.write(key, bytesOf(++version), version);
  const report = { reads: 0, missing: 0, torn: 0, mixed: 0 };
  let begun = 0;
  let changes = 0;
  let wake: (() => void)[] = [];

  const reader = async () => {
    while (begun < reads) {
      const found = await subject.read(KEYS[begun++ % KEYS.length]!);
      report.reads++;
      for (const go of wake.splice(0)) go();
      if (!found) {
        report.missing++;
        continue;
      }
      const told = found.bytes.length < 4 ? -1 : found.bytes.readUInt32BE(0);
      if (told < 1 || told > version || !found.bytes.equals(bytesOf(told))) report.torn++;
      else if (found.version !== told || found.size !== found.bytes.length) report.mixed++;
    }
    for (const go of wake.splice(0)) go();
  };
  const early = (change: number) => report.reads * writes < change * reads && begun < reads;
  const writer = async () => {
    while (changes < writes) {
      const change = ++changes;
      while (early(change)) {
        await new Promise<void>((resolve) => {
          wake.push(resolve);
        });
      }
      const key = KEYS[change % KEYS.length]!;
      if (change % 8 === 0) await subject.remove(key);
      else await subject.write(key, bytesOf(++version), version);
    }
  };
  await Promise.all([...Array.from({ length: READERS }, reader), ...Array.from({ length: WRITERS }, writer)]);
  wake = [];
  return report;
}
