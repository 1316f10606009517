// backup.test.js - SIGUSR2 to a store: a copy while it runs, from which another
// begins; one that has no disk goes on as if nothing was said.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { poll } from './lib/clients.js';
import { bin, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const CHANNEL = '/app/public/copied';

test('a copy is made while it runs, and serves', { skip }, async () => {
	const sys = await system({ formation: '',
		env: { POSTHORN_STORE_ENGINE: 'rocksdb' } });
	const copies = path.join(sys.dir, 'data/backup.store.1');
	const rocks = path.join(sys.dir, 'data/rocks.store.1');

	await sys.publish({ channel: CHANNEL, data: 'before' });
	const { cursor } = await sys.json(`/v1/history?channel=${CHANNEL}`);

	sys.signal('store.1', 'SIGUSR2');
	await until(() => /event=backup path=/.test(sys.out));
	await sys.publish({ channel: CHANNEL, data: 'behind' });
	const [copy] = fs.readdirSync(copies);

	assert.match(execFileSync(bin('store'),
		['check', path.join(copies, copy)]).toString(), /^faults=0 /);
	sys.up.kill('SIGSTOP'); // or there would be another one before its disk
	await sys.kill('store.1');
	fs.renameSync(rocks, `${rocks}.old`);
	fs.renameSync(path.join(copies, copy), rocks);
	sys.up.kill('SIGCONT');
	await until(async () => (await sys.post(JSON.stringify(
		{ channel: CHANNEL, data: 'anew' }))).status === 200);
	const client = poll(sys, { channels: CHANNEL, cursor });

	await until(() => client.data.at(-1) === 'anew');
	assert.equal(client.gaps.length, 1, 'places of before mean nothing');
	const { messages } = await sys.json(`/v1/history?channel=${CHANNEL}`);

	assert.deepEqual(messages.map(({ data }) => data), ['before', 'anew']);
	client.close();
	await sys.stop();
});

test('a store without a disk has nothing to copy', { skip }, async () => {
	const sys = await system({ formation: '',
		env: { POSTHORN_STORE_ENGINE: 'memory' } });
	const store = sys.pid('store.1');

	sys.signal('store.1', 'SIGUSR2');
	await until(() => /event=backup why="the engine has no/.test(sys.out));
	await sys.publish({ channel: CHANNEL, data: 1 });
	assert.equal(sys.pid('store.1'), store);
	await sys.stop();
});

test('who asks for a copy while a store stops does not end it', { skip },
	async () => {
		for (let n = 0; n < 10; n++) {
			const dir = tmpdir();
			const store = await start(bin('store'), [], { cwd: dir, env: {
				POSTHORN_RUN: path.join(dir, 'run'),
				POSTHORN_DATA: path.join(dir, 'data'),
				POSTHORN_STORE_ENGINE: n % 2 ? 'rocksdb' : 'memory',
				POSTHORN_BOOTSTRAP: 'app:key:secret' } });
			const rain = () => store.kill('SIGUSR2') && setImmediate(rain);

			rain();
			assert.deepEqual(await store.stop(), { code: 0, signal: null },
				store.out);
		}
	});
