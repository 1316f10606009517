// incus_kill.test.js - clients by /incus.js, by WebSocket and by long poll,
// under steady traffic while each stage and Redis are killed: what was taken
// for them comes exactly once and in order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL, PAGE, USER, item } from './lib/incus.js';
import { poll } from './lib/incus_client.js';
import { client, speaker, there } from './lib/incus_whole.js';
import { until } from './lib/proc.js';
import { pipeLines } from './lib/publishers.js';
import { KEPT, bridged, redis } from './lib/redis.js';
import * as story from './lib/story.js';
import { STAGES, WIDE, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send');
const RATE = 100; // of each publisher, a second
const LIST = 'Incus_Queue';
const CHANNELS = [`${USER}u`, `${PAGE}p`, ALL];
const TO = [{ user: 'u' }, { page: 'p' }, {}]; // the same, as Incus says it

// One that asks again whether an item was taken when Redis died meanwhile.
const ONCE = `
if tonumber(redis.call('GET', KEYS[2]) or '0') <= tonumber(ARGV[1]) then
	redis.call('RPUSH', KEYS[1], ARGV[2])
	redis.call('SET', KEYS[2], ARGV[1] + 1)
end
return 1`;

// An application that speaks to Incus through the list.
class IncusList {
	constructor(db) {
		Object.assign(this, { db, next: 0, done: 0, stopping: false });
		this.pacing = this.pace();
		this.pushing = this.push();
	}

	async pace() {
		const began = Date.now();

		await until(() => {
			this.next = Math.floor((Date.now() - began) * RATE / 1000);
			return this.stopping;
		}, { ms: 3600000 });
	}

	async push() {
		while (!this.stopping || this.done < this.next) {
			await until(() => this.done < this.next || this.stopping);
			if (this.done < this.next)
				await this.one(this.done);
		}
	}

	async one(n) {
		const socket = this.db.socket;
		let reply;

		this.db.do('EVAL', ONCE, 2, LIST, 'said', n, item(
			{ command: 'message', ...TO[n % TO.length] },
			{ event: 'message', data: { n, pad: 'list' } }))
			.then((taken) => (reply = taken), () => {});
		await until(() => reply !== undefined || socket.destroyed,
			{ ms: 30000 });
		if (reply === 1)
			this.done++;
		else // until it is there again
			await until(() => this.db.socket !== socket, { ms: 30000 });
	}

	async finish() {
		this.stopping = true;
		await this.pacing;
		await this.pushing;
		return this.done;
	}
}

async function restart(db) {
	db.proc.kill('SIGKILL');
	await db.proc.exited;
	db.close();
	Object.assign(db, await redis({ ...db }));
}

// Clients, and where their channels are in CHANNELS.
async function ears(sys) {
	const say = await speaker(sys);
	const all = [[{ user: 'u', page: 'p' }, [0, 1, 2]],
		[{ user: 'u', page: 'p', socket: false }, [0, 1, 2]],
		[{ user: 'v', page: 'p' }, [1, 2]],
		[{ user: 'u', page: 'q', socket: false }, [0, 2]]]
		.map(([who, hears]) => {
			const one = client(sys, 'ours', who);

			one.name = `${who.user} on ${who.page}, ` +
				(who.socket === false ? 'poll' : 'socket');
			one.came = { list: [], pipe: [] };
			one.wrong = [];
			one.on('message', ({ n, pad }) => one.came[pad].push(n));
			one.on('gap', (gap) => one.wrong.push(gap));
			one.on('error', (e) => one.wrong.push(e));
			return Object.assign(one, { hears });
		});

	for (const one of all) {
		await there(one, say, { user: one.user });
		await until(() => one.cursor !== '');
	}
	return all;
}

// Of so many, those on its channels.
const due = (one, count) => Array.from({ length: count }, (_, n) => n)
	.filter((n) => one.hears.includes(n % CHANNELS.length));
const onChannel = (list, i) => list.filter((n) => n % CHANNELS.length === i);

async function flowing(all) {
	const from = all.map(({ came }) => Object.values(came)
		.map((list) => list.length));

	await until(() => all.every(({ came }, i) => Object.values(came)
		.every((list, k) => list.length > from[i][k] + RATE / 5)),
	{ ms: 30000, what: 'all hear both again' }).catch((e) => {
		throw new Error(`${e.message}: ${all.map(({ name, came }) =>
			`${name} ${came.list.length} ${came.pipe.length}`)}`);
	});
}

function whole(all, counts) {
	for (const one of all) {
		for (const [from, list] of Object.entries(one.came))
			for (const i of one.hears)
				assert.deepEqual(onChannel(list, i),
					onChannel(due(one, counts[from]), i),
					`${one.name}: ${from} on ${CHANNELS[i]}`);
		assert.deepEqual(one.wrong, [], one.name);
	}
}

// One store, and two that share the shards.
for (const [what, { formation, env }, strikes] of [
	['one store', { formation: 'hub=2' }, ['store.1', 'bridge.1', 'ingress.1',
		'hub.1', 'hub.2', 'store.1']],
	['two stores', WIDE, ['store.2', 'store.1', 'hub.2', 'ingress.2']]])
	test(`${what}: whatever is killed, each message comes once and in order`,
		{ skip }, async (t) => {
		const db = await redis({ args: KEPT });
		const sys = await system({ stages: STAGES, formation, env: {
			...env, ...story.QUICK, POSTHORN_BRIDGE_LEASE: '1s',
			POSTHORN_HUB_INCUS_POLL: '1s',
			POSTHORN_REDIS: `127.0.0.1:${db.port}` } });

		await bridged(db, 'Incus');
		const all = await ears(sys);
		const pipe = pipeLines(sys, { channel: CHANNELS, rate: RATE,
			pad: 'pipe' });
		const list = new IncusList(db);

		try {
			await flowing(all);
			await until(() => all[0].socketConnected);
			for (const [name, strike] of [
				['its hub', () => sys.kill(sys.holder(
					all[0].socket._socket.localPort))],
				...strikes.map((ps) => [ps, () => sys.kill(ps)]),
				['redis', () => restart(db)]]) {
				const began = Date.now();

				await strike();
				await flowing(all);
				t.diagnostic(`${name}: all hear again after ` +
					`${Date.now() - began} ms`);
			}
			const counts = { list: await list.finish(),
				pipe: await pipe.finish() };

			await until(() => all.every((one) =>
				Object.entries(one.came).every(([from, list]) =>
					list.length >= due(one, counts[from]).length)),
			{ ms: 20000, what: 'all came' }).catch(() => {});
			t.diagnostic(`${JSON.stringify(counts)} messages`);
			whole(all, counts);
		} finally {
			list.stopping = true;
			pipe.abandon();
			all.forEach((one) => one.close());
			await sys.stop();
			await db.stop();
		}
	});

// The shards of all that somebody listens to.
async function shards(sys, user) {
	const it = await poll(sys.port, { user, cursor: '', timeout: 0 });
	const { headers } = await it.answered();

	it.close();
	return headers['x-incus-cursor'].split('-')
		.map((part) => Number(part.split(':')[0]));
}

// A user whose channel is another store's than that of all: he, and the shards
// of both.
async function divided(sys) {
	const [one, other] = await Promise.all(['a', 'b'].map((user) =>
		shards(sys, user)));
	const all = one.find((shard) => other.includes(shard));

	for (let n = 0; ; n++) {
		const mine = (await shards(sys, `u${n}`)).find((s) => s !== all);

		if (mine !== undefined && mine < 32 !== all < 32)
			return { user: `u${n}`, mine, all };
	}
}

test('a poll that ends while a store says nothing leaves its client in his ' +
	'place', { skip }, async () => {
	const sys = await system({ ...WIDE, env: { ...WIDE.env, ...story.QUICK,
		POSTHORN_HUB_INCUS_POLL: '300ms', POSTHORN_HUB_PONG: '100ms' } });
	const { user, all } = await divided(sys);
	const one = client(sys, 'ours', { user, socket: false });
	const heard = [], gaps = [];

	one.on('message', ({ n }) => heard.push(n));
	one.on('gap', (gap) => gaps.push(gap));
	await there(one, await speaker(sys), { user });
	await until(() => one.cursor !== '');
	const pipe = pipeLines(sys, { channel: ALL, rate: RATE });

	try {
		await until(() => heard.length > RATE / 2);
		await story.hold(sys, all < 32 ? 'store.2' : 'store.1');
		const count = await pipe.finish();

		await until(() => heard.length >= count, { what: `all ${count} came` })
			.catch(() => {});
		assert.deepEqual(heard, Array.from({ length: count }, (_, n) => n));
		assert.deepEqual(gaps, []);
	} finally {
		pipe.abandon();
		one.close();
		await sys.stop();
	}
});
