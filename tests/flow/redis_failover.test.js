// redis_failover.test.js - a Cluster and a Sentinel's master lose a master
// under load: what more than the master had is all there, once and in order;
// what only the master had is told as a hole, of a new epoch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from './lib/clients.js';
import { cluster, sentinel } from './lib/redis_nodes.js';
import { until } from './lib/proc.js';
import { SHARDS, SURE, backAfter, told } from './lib/stores.js';
import * as story from './lib/story.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const TIMEOUT = 1000; // ms until a master is taken for dead
const WITHIN = 8000; // ms: that, an election, and what waits for it

// Shards whose numbering began anew under the eyes of a client.
function renumbered(rows) {
	const epochs = new Map();

	for (const { clients } of rows)
		for (const cursor of clients.flatMap(({ messages, gaps }) =>
			[...messages.map((one) => one.cursor),
				...gaps.flatMap(({ from, to }) => [from, to])]))
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
	const { stored, replicas } = await house.sys.publish(
		{ channel: '/app/public/receipt', data: 1 });

	return [stored, replicas];
}

test('a master of a Cluster is killed', { skip }, async (t) => {
	const db = await cluster({ timeout: TIMEOUT });

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses, ...SURE },
		strike: async (house, rows) => {
			assert.deepEqual(await receipt(house), ['replicas', 1]);
			await strike(house, rows, t, () => db.kill(db.masters[1]));
		},
		end: db.stop });
});

test('the master that Sentinels watch is killed', { skip }, async (t) => {
	const db = await sentinel({ timeout: TIMEOUT });

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses,
			POSTHORN_STORE_REDIS_SENTINEL: db.name, ...SURE },
		strike: async (house, rows) => {
			assert.deepEqual(await receipt(house), ['replicas', 1]);
			await strike(house, rows, t, () => db.kill(db.master));
			assert.deepEqual(await receipt(house), ['memory', undefined]);
		},
		end: db.stop });
});

// Its replica cannot log in any more: what comes then only the master has,
// and receipts say so.
async function cutOff({ master, replica, info }) {
	await replica.do('CONFIG', 'SET', 'masterauth', 'wrong');
	await master.do('CLIENT', 'KILL', 'TYPE', 'replica');
	await until(async () => (await info(master, 'replication'))
		.connected_slaves === '0', { what: 'the replica is cut off' });
}

test('a failover that lost messages tells of it', { skip }, async (t) => {
	const db = await sentinel({ timeout: TIMEOUT });
	let lost;

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses,
			POSTHORN_STORE_REDIS_SENTINEL: db.name },
		strike: async (house, rows) => {
			await cutOff(db);
			await until(async () => (await receipt(house))[0] === 'memory');
			await story.flowing(rows, 60);
			await strike(house, rows, t, () => db.kill(db.master));
			lost = renumbered(rows);
			t.diagnostic(`${lost.size} shards began anew`);
			assert.ok(lost.size > 4);
		},
		check: story.told((shard) => lost.has(shard), { rest: true }),
		end: db.stop });
});

// Who takes its shards over cannot know what only those two knew.
test('a store dies with the master', { skip }, async (t) => {
	const db = await sentinel({ timeout: TIMEOUT });
	let lost;

	await told(t, { most: 2,
		settings: { POSTHORN_STORE_REDIS: db.addresses,
			POSTHORN_STORE_REDIS_SENTINEL: db.name },
		strike: async (house, rows) => {
			await strike(house, rows, t, () => Promise.all([
				db.kill(db.master), house.end('store.2')]));
			lost = renumbered(rows);
			t.diagnostic(`began anew: ${[...lost]}`);
			assert.ok(lost.size !== 0);
			for (const shard of lost)
				assert.ok(shard >= SHARDS / 2, 'the other store goes on');
		},
		check: story.told((shard) => lost.has(shard)),
		end: db.stop });
});
