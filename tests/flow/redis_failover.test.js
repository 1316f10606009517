// redis_failover.test.js - a Cluster and a Sentinel's master lose a master
// under load: what more than the master had is all there, once and in order;
// what only the master had is told as a hole, of a new epoch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from './lib/clients.js';
import { cluster, sentinel } from './lib/redis_nodes.js';
import { until } from './lib/proc.js';
import { backAfter, told } from './lib/stores.js';
import * as story from './lib/story.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const TIMEOUT = 1000; // ms until a master is taken for dead
const WITHIN = 8000; // ms: that, an election, and what waits for it

// Shards whose numbering began anew under the eyes of a client.
function renumbered(rows) {
	const epochs = new Map();

	for (const { clients } of rows)
		for (const { cursor } of clients.flatMap(({ messages }) => messages))
			for (const [shard, { epoch }] of parse(cursor))
				epochs.set(shard, (epochs.get(shard) ?? new Set()).add(epoch));
	return new Set([...epochs].filter(([, all]) => all.size > 1)
		.map(([shard]) => shard));
}

async function strike(house, rows, t, kill) {
	const since = Date.now();

	await kill();
	const [ms, who] = await backAfter(rows, since);

	t.diagnostic(`back after ${ms} ms (${who})`);
	assert.ok(ms <= WITHIN, `${who}, after ${ms} ms`);
}

// What an answer says of where a message is.
async function receipt(house) {
	const [one] = [await house.sys.publish({
		channel: '/app/public/receipt', data: 1 })].flat();

	return one;
}

test('a master of a Cluster is killed', { skip }, async (t) => {
	const db = await cluster({ timeout: TIMEOUT });

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses },
		strike: async (house, rows) => {
			t.diagnostic(JSON.stringify(await receipt(house)));
			await strike(house, rows, t, () => db.kill(db.masters[1]));
			t.diagnostic(`renumbered: ${[...renumbered(rows)]}`);
		},
		end: db.stop });
});

test('the master that Sentinels watch is killed', { skip }, async (t) => {
	const db = await sentinel({ timeout: TIMEOUT });

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses,
			POSTHORN_STORE_REDIS_SENTINEL: db.name },
		strike: async (house, rows) => {
			t.diagnostic(JSON.stringify(await receipt(house)));
			await strike(house, rows, t, () => db.kill(db.master));
			t.diagnostic(JSON.stringify(await receipt(house)));
			t.diagnostic(`renumbered: ${[...renumbered(rows)]}`);
		},
		end: db.stop });
});
