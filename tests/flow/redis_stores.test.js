// redis_stores.test.js - several stores on one Redis: whichever of them dies,
// stands still, comes or goes, the others have its shards soon, and every
// accepted message comes exactly once and in order, at one place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redis } from './lib/redis.js';
import { until } from './lib/proc.js';
import { backAfter, silence, told } from './lib/stores.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const TAKEN = 3000; // ms until a dead store's shards are served by others
const GIVEN = 1000; // ms that a shard which is given may be silent
const LONG = 5000; // ms; longer than a lease, and than the beats of a link

async function story(t, what) {
	const db = await redis();

	await told(t, { ...what,
		settings: { POSTHORN_STORE_REDIS: `127.0.0.1:${db.port}` },
		end: async () => {
			db.close();
			await db.proc.stop();
		} });
}

function within(t, what, ms, [took, who]) {
	t.diagnostic(`${what} after ${took} ms (${who})`);
	assert.ok(took <= ms, `${what}: ${who}, after ${took} ms`);
}

test('one of two stores is killed, and comes back', { skip }, (t) =>
	story(t, { strike: async (house, rows) => {
		const since = await house.end('store.2');

		within(t, 'taken over', TAKEN, await backAfter(rows, since));
		const from = Date.now();

		await house.begin('store.2');
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'given back', GIVEN, silence(rows, from, Date.now()));
	} }));

// It wakes with messages in its hands, and may do nothing with them.
test('one of two stores stands still past its lease', { skip }, (t) =>
	story(t, { strike: async (house, rows) => {
		const began = Date.now();

		house.signal('store.1', 'SIGSTOP');
		within(t, 'taken over', TAKEN, await backAfter(rows, began));
		await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
		house.signal('store.1', 'SIGCONT');
		await house.balanced();
		await backAfter(rows, Date.now());
	} }));

test('a third store joins, and one is drained', { skip }, (t) =>
	story(t, { strike: async (house, rows) => {
		const from = Date.now();

		await house.begin('store.3');
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'shared by three', GIVEN, silence(rows, from, Date.now()));
		const since = await house.end('store.1', 'SIGTERM');

		within(t, 'drained', GIVEN, await backAfter(rows, since));
		await house.balanced();
		await backAfter(rows, Date.now());
		within(t, 'shared by two', GIVEN, silence(rows, since, Date.now()));
	} }));
