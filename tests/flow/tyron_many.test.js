// tyron_many.test.js - T9: thousands of polls end with one PUBLISH, and who
// left leaves no trace; polls go on through the death of every stage, of Redis
// too.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { until } from './lib/proc.js';
import { bridged, redis } from './lib/redis.js';
import { system } from './lib/system.js';
import { answers, poller, waiting } from './lib/tyron.js';

// A process holds this many descriptors, we and each stage alike.
const [, FILES] = /^Max open files +\d+ +(\d+)/m.exec(
	fs.readFileSync('/proc/self/limits', 'utf8'));
const POLLS = Number(process.env.FLOW_TYRON_POLLS ??
	Math.min(10000, FILES / 2));
const LEAVE = POLLS / 20; // that many more hang up first
const AT_ONCE = 500; // connecting; the backlog is no point of this test
const LOOPS = 30; // clients that poll through all deaths
const CHANNEL = 'tyron_pubsub';
let db, sys;

before(async () => {
	db = await redis();
	sys = await system({ stages: ['store', 'hub', 'ingress', 'bridge'],
		formation: 'hub=3', env: { POSTHORN_PERSONAS: 'tyron',
			POSTHORN_BRIDGE_LEASE: '1s',
			POSTHORN_REDIS: `127.0.0.1:${db.port}` } });
	await bridged(db, CHANNEL);
});
after(async () => {
	await sys.stop();
	await db.stop();
});

const publish = (channel, data) =>
	db.do('PUBLISH', CHANNEL, JSON.stringify({ channel, data }));

async function poll(n, path) {
	const all = [];

	while (all.length < n)
		all.push(...await Promise.all(Array.from(
			{ length: Math.min(AT_ONCE, n - all.length) },
			async () => (await poller(sys.port)).ask(path))));
	return all;
}

test(`T9: ${POLLS} polls are answered by one PUBLISH`, async () => {
	const stay = await poll(POLLS, '/everybody/');
	const leave = await poll(LEAVE, '/everybody/');

	await waiting(sys, POLLS + LEAVE);
	for (const one of leave)
		one.close();
	await waiting(sys, POLLS);
	const due = await sys.sum('posthorn_messages_delivered_total');

	await publish('everybody', 'at once');
	await until(() => stay.every(({ connection }) =>
		connection.text.length !== 0), { ms: 30000, what: 'all are answered' });
	for (const { connection, answers: [got] } of stay) {
		assert.equal(got.status, 'HTTP/1.1 200 OK');
		assert.equal(got.body, 'at once');
		assert.equal(answers(connection.text).length, 1);
	}
	for (const one of stay)
		one.close();
	await waiting(sys, 0);
	await until(async () => await sys.sum('posthorn_connections',
		'stage="hub"') === 0, { what: 'no connection is left' });
	assert.equal(await sys.sum('posthorn_messages_delivered_total') - due,
		POLLS);
	assert.equal(await sys.sum('posthorn_messages_pending'), 0);
});

// A client that polls again and again, whatever happens to it.
class Loop {
	constructor() {
		this.heard = new Set();
		this.running = this.run();
	}

	async run() {
		while (!this.over) {
			const one = await poller(sys.port).catch(() => null);

			while (one !== null && !one.connection.ended && !this.over) {
				const got = await one.get('/on/');

				if (got?.status === 'HTTP/1.1 200 OK')
					this.heard.add(got.body);
			}
			one?.close();
		}
	}
}

test('T7: polls go on when any stage dies, and when Redis does', async () => {
	const loops = Array.from({ length: LOOPS }, () => new Loop());
	const all = (word) => until(async () => {
		await publish('on', word).catch(() => {});
		return loops.every(({ heard }) => heard.has(word));
	}, { ms: 30000, what: `each of them hears ${word}` });

	await all('first');
	for (const stage of ['store.1', 'hub.1', 'hub.2', 'hub.3', 'ingress.1',
		'bridge.1']) {
		await sys.kill(stage);
		await all(`without ${stage}`);
	}
	await db.stop();
	db = await redis({ port: db.port, dir: db.dir });
	await all('with another Redis');
	for (const one of loops)
		one.over = true;
	let left = loops.length;

	for (const { running } of loops)
		running.then(() => left--);
	await until(async () => {
		await publish('on', 'bye');
		return left === 0;
	}, { what: 'the last poll ends' });
});
