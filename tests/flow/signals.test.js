// signals.test.js - signals that come while a stage is at anything: none is
// lost, and none breaks off what it does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ws } from './lib/clients.js';
import { bin, saying, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const COUNT = 2000; // messages under the rain
const BATCH = 20;
const CHANNEL = '/app/public/x';

// As many to each as there is time for, until told.
function rain(pids, signal) {
	let over = false, count = 0;
	const fall = () => {
		for (const id of pids)
			try {
				process.kill(id, signal);
			} catch {
				over = true; // it died: the pids will tell
			}
		count++;
		if (!over)
			setImmediate(fall);
	};

	fall();
	return () => {
		over = true;
		return count;
	};
}

test('signals rain on every stage, and every message comes',
	{ skip: missing('store', 'hub', 'ingress', 'bridge') }, async (t) => {
		const sys = await system({ formation: '' });
		const pids = sys.pids();
		const client = await ws(sys, { channels: CHANNEL }).ready();
		const end = rain([...pids.values()], 'SIGUSR1');

		try {
			for (let n = 0; n < COUNT; n += BATCH)
				await sys.publish(Array.from({ length: BATCH }, (_, i) =>
					({ channel: CHANNEL, data: n + i })));
			await until(() => client.data.length >= COUNT,
				{ what: 'all came' });
		} catch (e) {
			throw saying(e, sys.out.slice(-4000));
		} finally {
			t.diagnostic(`${end()} signals to each`);
		}
		assert.deepEqual(client.data,
			Array.from({ length: COUNT }, (_, n) => n));
		assert.deepEqual(sys.pids(), pids);
		client.close();
		await sys.stop();
	});

test('a log that may not grow any more ends nobody', { skip: missing('hub') },
	async () => {
		const dir = tmpdir(), log = path.join(dir, 'log');
		const it = await start('/bin/sh', ['-c', `ulimit -f 1;
			exec ${bin('hub')} --log=${log}`], { cwd: dir, ready: false,
			env: { POSTHORN_RUN: path.join(dir, 'run') } });

		await until(() => fs.existsSync(log) &&
			/event=start/.test(fs.readFileSync(log, 'utf8')));
		await until(() => {
			it.kill('SIGHUP');
			return it.exit !== null || fs.statSync(log).size === 512;
		});
		it.kill('SIGHUP');
		assert.deepEqual(await it.stop(), { code: 0, signal: null });
	});
