/** Cases: a scope is the same storage below a prefix, with no way out. */
import assert from 'node:assert/strict';
import { groupOf } from '../case-definition.js';
import { sameBytes } from '../case-context.js';
import { request } from '../signed-requests.js';

export const scopeCases = groupOf('scope', {
  'every operation stays below the prefix and speaks of relative keys': async (context) => {
    const scope = context.storage.scope(`${context.folder}tenant`);
    const beside = context.key('tenant2/a.txt');
    await context.put(beside, 'another tenant');
    const file = await scope.put('a.txt', 'mine', { metadata: { v: '1' }, url: false });
    assert.equal(file.key, 'a.txt');
    await context.holds(context.key('tenant/a.txt'), 'mine', { metadata: { v: '1' }, etag: file.etag });
    assert.equal((await scope.getMetadata('a.txt')).key, 'a.txt');
    assert.equal((await scope.open('a.txt')).body.destroy().destroyed, true);
    assert.equal((await scope.copy('a.txt', 'b/c.txt')).key, 'b/c.txt');
    assert.equal((await scope.move('b/c.txt', 'b/d.txt')).key, 'b/d.txt');
    const staged = await scope.stage('e.txt', 'staged');
    assert.equal(staged.info.key, 'e.txt');
    assert.equal((await staged.commit()).key, 'e.txt');
    await context.eventually(async () => {
      assert.deepEqual(context.inOrder(await scope.listKeys()), ['a.txt', 'b/d.txt', 'e.txt']);
    });
    const page = await scope.listPage({ delimiter: '/', limit: 2 });
    const rest = await scope.listPage({ delimiter: '/', limit: 2, cursor: page.cursor });
    assert.deepEqual([...page.prefixes, ...rest.prefixes], ['b/']);
    assert.deepEqual((await scope.deleteMany(['e.txt'])).deleted, ['e.txt']);
    assert.deepEqual((await scope.deletePrefix('b/')).deleted, ['b/d.txt']);
    assert.equal(await scope.delete('a.txt'), true);
    await context.lists(['tenant2/a.txt']);
    await context.holds(beside, 'another tenant');
  },

  'no key, prefix or nested scope leads out': async (context) => {
    const scope = context.storage.scope(`${context.folder}tenant/`);
    const secret = context.key('secret');
    await context.put(secret, 'secret');
    for (const key of ['../secret', 'a/../../secret', `/${secret}`, '..', '', '..\\secret', '%2e%2e/secret']) {
      const code = key.startsWith('%') ? 'not-found' : 'invalid-key';
      await context.fails(scope.get(key), code, { operation: 'get' });
      if (code === 'invalid-key') {
        await context.fails(scope.put(key, 'x'), 'invalid-key', { operation: 'put' });
        await context.fails(scope.copy(key, 'stolen'), 'invalid-key', { operation: 'copy' });
      }
    }
    await context.fails(scope.get(secret), 'not-found');
    await context.fails(scope.listPage({ prefix: '../' }), 'invalid-key', { operation: 'list' });
    assert.throws(() => scope.scope('../'), { code: 'invalid-key' });
    const nested = scope.scope('inner');
    await nested.put('x', 'nested', { url: false });
    await context.holds(context.key('tenant/inner/x'), 'nested');
    assert.deepEqual(await scope.listKeys(), ['inner/x']);
    await context.holds(secret, 'secret');
  },

  'URLs of a scope serve the object below the prefix': async (context) => {
    const scope = context.storage.scope(`${context.folder}tenant`);
    await context.put(context.key('a.txt'), 'outside');
    await scope.put('a.txt', 'inside', { url: false });
    if (context.capabilities.getUrl.length === 0) {
      await context.fails(scope.getUrl('a.txt'), 'not-supported');
      return;
    }
    const answer = await request(await scope.getUrl('a.txt'));
    sameBytes(answer.body, Buffer.from('inside'), 'URL of a scope');
  },
});

export const healthCases = groupOf('health', {
  'a check resolves, and its write probe leaves nothing': async (context) => {
    const key = context.key('there');
    await context.put(key, 'x');
    await context.storage.checkHealth();
    await context.storage.checkHealth({ write: true });
    await context.storage.scope(`${context.folder}probe`).checkHealth({ write: true });
    await context.lists(['there']);
    await context.holds(key, 'x');
  },
});
