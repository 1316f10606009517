// incus_many.test.js - thousands of Incus' sockets on several hubs, and at once
// messages to all of them, to users and to pages, of other clients and through
// Redis: nothing is lost, nothing comes twice, and each hears what one sender
// says to somebody in the order in which he said it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Crowd, Sender, all, both, page, user } from './lib/incus_crowd.js';
import { until } from './lib/proc.js';
import { random } from './lib/random.js';
import { bridged, redis } from './lib/redis.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
// A process holds this many descriptors, we and each stage alike.
const [, FILES] = /^Max open files +\d+ +(\d+)/m.exec(
	fs.readFileSync('/proc/self/limits', 'utf8'));
const SOCKETS = Number(process.env.FLOW_INCUS_SOCKETS ??
	Math.min(10000, FILES / 2));
const TALKERS = 20; // clients that say something
const BATCH = 100; // items of one command
// By way of the store, or as several nodes have it, of Redis' channel.
const WAYS = [['the store', {}, SOCKETS],
	['Redis', { POSTHORN_HUB_INCUS_REDIS: 'Incus' }, SOCKETS / 5]];
const draw = random(Number(process.env.FLOW_SEED ?? 1));

const numbers = (n) => Array.from({ length: n }, (_, i) => i);
function shuffle(list) {
	for (let i = list.length - 1; i > 0; i--) {
		const k = draw(i + 1);

		[list[i], list[k]] = [list[k], list[i]];
	}
	return list;
}

// The sockets there are, and what is to be said to them: to all, to each
// page, to each user, and to users where one of their sockets is; twice or
// more, so that there is an order.
function world(sockets) {
	const users = sockets / 2, pages = Math.ceil(users / 50);
	const pageOf = (n) => `p${n % pages}`;

	return {
		// A user's two sockets are on different pages.
		members: numbers(sockets).map((n) => ({ user: `u${n % users}`,
			page: pageOf(n < users ? n : n + 1) })),
		mixed: () => shuffle([
			...numbers(8).map(all),
			...numbers(4 * pages).map((n) => page(pageOf(n))),
			...numbers(2 * users).map((n) => user(`u${n % users}`)),
			...numbers(users).map((n) => both(`u${n >> 1}`,
				pageOf(n >> 1))),
		]),
	};
}

// All at once: the channel, the list, and clients, each with a part of them.
function speak(db, mixed, [channel, list, ...clients], talkers) {
	const items = mixed().map((to) => list.next(to));
	const replies = [];
	const whose = new Map(); // one says all that is for somebody

	for (let i = 0; i < items.length; i += BATCH)
		replies.push(db.do('RPUSH', 'Incus_Queue',
			...items.slice(i, i + BATCH)));
	for (const to of mixed())
		replies.push(db.do('PUBLISH', 'Incus', channel.next(to)));
	mixed().forEach((to, n) => {
		const one = whose.get(to.name) ?? n % clients.length;

		whose.set(to.name, one);
		talkers[one].say(clients[one].next(to));
	});
	return Promise.all(replies);
}

async function tell(t, { db, sys, sockets }) {
	const crowd = new Crowd();
	const { members, mixed } = world(sockets);
	let began = Date.now();
	const lap = (what) => {
		t.diagnostic(`${what}: ${Date.now() - began} ms`);
		began = Date.now();
	};

	await crowd.come(sys.port, members);
	await until(async () => await sys.sum('posthorn_subscriptions') ===
		3 * sockets, { ms: 30000, what: 'all listen' });
	lap('all are there');
	for (const { labels, value } of (await sys.metrics('incus_sockets'))
		.filter(({ labels }) => labels.includes('stage="hub"')))
		assert.ok(value > sockets / 10, `${labels}: ${value}`);
	const talkers = numbers(TALKERS).map((n) =>
		crowd.members[n * sockets / TALKERS]);
	const senders = ['channel', 'list', ...talkers.keys()].map((name) =>
		new Sender(`${name}`));

	await speak(db, mixed, senders, talkers);
	await crowd.hears(senders);
	lap(`${crowd.heard} messages are heard`);
	assert.deepEqual(crowd.faults, []);
	// Behind that comes nothing but what is said now.
	for (const [i, one] of talkers.entries())
		one.say(senders[2 + i].next(all()));
	await crowd.hears(senders);
	assert.deepEqual(crowd.faults, []);
	crowd.leave();
	await until(async () => await sys.sum('incus_sockets') === 0,
		{ what: 'no client is left' });
}

for (const [way, env, sockets] of WAYS)
	test(`${sockets} sockets of ${sockets / 2} users hear all that is for ` +
		`them, once and in order; clients speak by way of ${way}`, { skip },
	async (t) => {
		const db = await redis();
		const sys = await system({ formation: 'hub=3',
			stages: ['store', 'hub', 'ingress', 'bridge'],
			env: { POSTHORN_REDIS: `127.0.0.1:${db.port}`, ...env } });

		try {
			await bridged(db, 'Incus');
			await tell(t, { db, sys, sockets });
		} finally {
			await sys.stop();
			await db.stop();
		}
	});
