#!/usr/bin/env node
/** The command `nestjs-storage`: the process around the program. */
import { makeShortCallsInPlace } from '../disk/short-calls.js';
import { keepHeapSmall } from './heap-growth.js';
import { Interruption } from './interruption.js';
import { runProgram } from './program.js';
import { Terminal } from './terminal.js';

const { stdin: input, stdout: output, stderr: error } = process;
// Nobody else is served by this process.
makeShortCallsInPlace();
keepHeapSmall();
const interruption = new Interruption();
try {
  process.exitCode = await runProgram(process.argv.slice(2), new Terminal({ input, output, error }), interruption);
} finally {
  interruption.close();
  // Nobody reads on; an open one would keep the process.
  input.destroy();
}
