#!/usr/bin/env node
// A line to a store that is some way off: whatever goes to it arrives so many milliseconds later. In a process of its own.
//   node bench/copy/far-line.mjs <host:port> <milliseconds>   writes its own port to standard output
import { createServer, connect } from 'node:net';

const [target, delay] = process.argv.slice(2);
const [host, port] = target.split(':');

const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ host, port: Number(port), noDelay: true });
  far.pipe(near);
  near.on('data', (chunk) => setTimeout(() => far.write(chunk), Number(delay)));
  near.on('end', () => setTimeout(() => far.end(), Number(delay)));
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
