// redis_cluster.test.js - what else a Cluster goes through under load: another
// master dies behind the first, or with it, which no Cluster of three heals by
// itself; slots move from node to node while their shards are written.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { until } from './lib/proc.js';
import { cluster } from './lib/redis_nodes.js';
import { SHARDS, SURE, backAfter, told } from './lib/stores.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const TIMEOUT = 1000; // ms until a master is taken for dead
const WITHIN = 8000; // ms: that, an election, and what waits for it
const LONG = 5000; // ms; an election would be over by then
const ANSWER = 3; // s until the ingress gives up a request
const RATE = 300; // of each publisher, a second

async function story(t, { strike, ...more }) {
	const db = await cluster({ timeout: TIMEOUT });

	await told(t, { most: 2, rate: RATE, ...more,
		settings: { POSTHORN_STORE_REDIS: db.addresses, ...SURE },
		strike: (house, rows) => strike(house, rows, db),
		end: db.stop });
}

const back = async (t, rows, since) => {
	const [ms, who] = await backAfter(rows, since);

	t.diagnostic(`back after ${ms} ms (${who})`);
	assert.ok(ms <= WITHIN, `${who}, after ${ms} ms`);
};

const promoted = ({ info }, node) => until(async () =>
	(await info(node, 'replication')).role === 'master',
{ ms: 20000, what: 'the replica is the master' });

const healthy = ({ nodes }, living) => until(async () => {
	for (const n of living)
		if (!(await nodes[n].do('CLUSTER', 'INFO')).includes('state:ok'))
			return false;
	return true;
}, { ms: 20000, what: 'the Cluster is whole' });

test('a second master is killed behind the first', { skip }, (t) =>
	story(t, { strike: async (house, rows, db) => {
		await db.kill(db.nodes[0]);
		await promoted(db, db.nodes[3]);
		const since = Date.now();

		await db.kill(db.nodes[1]);
		await promoted(db, db.nodes[4]);
		await back(t, rows, since);
	} }));

// One publish of a request of its own, and how long it took to be answered.
async function ask(house, n) {
	const began = Date.now();
	const { status, json } = await house.sys.post(JSON.stringify(
		{ channel: `/app/public/asked/${n}`, data: n }));

	return { status, code: json.error?.code, ms: Date.now() - began };
}

// With one of three left nobody can be elected: it takes somebody who decides.
test('two masters are killed at once, and their replicas told to take over',
	{ skip }, (t) => story(t, {
		env: { POSTHORN_INGRESS_ANSWER_TIMEOUT: `${ANSWER}s` },
		strike: async (house, rows, db) => {
			const died = Date.now();

			await Promise.all([db.kill(db.nodes[0]), db.kill(db.nodes[1])]);
			await until(async () => (await db.nodes[2].do('CLUSTER', 'INFO'))
				.includes('state:fail'));
			const asked = await Promise.all(Array.from({ length: SHARDS },
				(_, n) => ask(house, n)));

			t.diagnostic(JSON.stringify(asked));
			for (const { status, code, ms } of asked) {
				assert.ok(status === 503 || status === 504,
					`${status} ${code}`);
				assert.ok(['unavailable', 'busy', 'timeout'].includes(code),
					code);
				assert.ok(ms < ANSWER * 1000 + 2000, `after ${ms} ms`);
			}
			await until(() => Date.now() - died >= LONG, { ms: 2 * LONG });
			for (const n of [3, 4])
				assert.equal((await db.info(db.nodes[n], 'replication')).role,
					'slave', 'nobody was elected');
			const since = Date.now();

			for (const n of [3, 4])
				await db.nodes[n].do('CLUSTER', 'FAILOVER', 'TAKEOVER');
			await healthy(db, [2, 3, 4]);
			await back(t, rows, since);
		} }));

const redirects = async ({ nodes, info }) => {
	const sum = { MOVED: 0, ASK: 0 };

	for (const node of nodes)
		for (const [name, value] of
			Object.entries(await info(node, 'errorstats')))
			for (const kind of ['MOVED', 'ASK'])
				if (name === `errorstat_${kind}`)
					sum[kind] += Number(value.replace('count=', ''));
	return sum;
};

// One slot, which stays half way for a while: whoever asks for what went is
// sent on with each command.
async function linger(from, to, masters, meanwhile) {
	const [key] = await from.do('KEYS', '*{s*');
	const slot = await from.do('CLUSTER', 'KEYSLOT', key);
	const say = (node, ...words) =>
		node.do('CLUSTER', 'SETSLOT', slot, ...words);

	await say(to, 'IMPORTING', from.id);
	await say(from, 'MIGRATING', to.id);
	for (let keys; (keys = await from.do('CLUSTER', 'GETKEYSINSLOT', slot,
		100)).length !== 0;)
		await from.do('MIGRATE', '127.0.0.1', to.port, '', 0, 5000,
			'KEYS', ...keys);
	await meanwhile();
	for (const node of [to, from, ...masters])
		await say(node, 'NODE', to.id);
}

// The other slots, one by one, as those who run Redis do it.
const reshard = (from, to) => promisify(execFile)('redis-cli', ['--cluster',
	'reshard', `127.0.0.1:${from.port}`, '--cluster-from', from.id,
	'--cluster-to', to.id, '--cluster-slots', '5460', '--cluster-yes',
	'--cluster-pipeline', '10'], { maxBuffer: 1 << 26 });

test('slots move to another master', { skip }, (t) =>
	story(t, { strike: async (house, rows, db) => {
		const [from, to] = db.masters;
		const began = Date.now();

		await linger(from, to, db.masters, () => until(async () =>
			(await redirects(db)).ASK > 20, { what: 'ASK is told' }));
		await reshard(from, to);
		t.diagnostic(`moved in ${Date.now() - began} ms`);
		await backAfter(rows, Date.now());
		assert.equal(await from.do('DBSIZE'), 0, 'nothing is left there');
		assert.ok(await to.do('DBSIZE') > 0);
		// In this order: what comes meanwhile Redis has counted.
		const counted = await house.sys.sum('redis_redirects_total');
		const { MOVED, ASK } = await redirects(db);

		t.diagnostic(`MOVED ${MOVED}, ASK ${ASK}, counted ${counted}`);
		assert.ok(MOVED > 0 && ASK > 20);
		assert.ok(counted > 20 && counted <= MOVED + ASK);
	} }));
