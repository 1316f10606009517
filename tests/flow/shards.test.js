// shards.test.js - a third store is added to two: what the shards keep that
// leave them moves along, while everybody publishes and listens, and nobody
// notices but for the wait.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { exactly, parse, poll, sse, ws } from './lib/clients.js';
import { bin, saying, until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import * as story from './lib/story.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'bridge');
const SHARDS = 64;
const BASE = '/app/public/moving';
const CHANNELS = Array.from({ length: 12 }, (_, n) => n);
const RATE = 200; // of each publisher, a second

// store s of n owns the shards of which that is so; see store(8)
const owner = (shard, stores) => Math.floor(shard * stores / SHARDS) + 1;

// The table of owners, as all programs are told.
const table = (stores) => Array.from({ length: stores }, (_, n) =>
	`store.${n + 1}@ipc://run/store.${n + 1}`).join(' ');

const folder = (sys, ps) => path.join(sys.dir, `data/rocks.${ps}`);

// bin/store export, import, drop or check; all must go well.
async function tool(...words) {
	const { stdout } = await promisify(execFile)(bin('store'), words);

	return Number(/rows=(\d+)|$/.exec(stdout)[1]);
}

const start = (sys, stores) => Promise.all(Array.from({ length: stores },
	(_, n) => sys.more('store', `store.${n + 1}`)));

// Shards that leave one store for another: [from, to, "3-5"].
function moves(before, after) {
	const groups = new Map();

	for (let shard = 0; shard < SHARDS; shard++) {
		const way = [owner(shard, before), owner(shard, after)].join();

		groups.set(way, [...groups.get(way) ?? [], shard]);
	}
	return [...groups].map(([way, shards]) => [...way.split(',')
		.map((n) => `store.${n}`), shards.join()])
		.filter(([from, to]) => from !== to);
}

async function carry(t, sys, before, after) {
	for (const [from, to, shards] of moves(before, after)) {
		const file = path.join(sys.dir, `${from}-${to}`);
		const rows = await tool('export', '--shards', shards,
			folder(sys, from), file);

		assert.ok(rows > 0, `${shards} keep something`);
		assert.equal(await tool('import', folder(sys, to), file), rows);
		assert.equal(await tool('drop', '--shards', shards,
			folder(sys, from)), rows);
		t.diagnostic(`${rows} rows of ${shards} from ${from} to ${to}`);
	}
	for (let n = 1; n <= after; n++)
		await tool('check', folder(sys, `store.${n}`));
}

// A job for each of some targets, far in the future, and a device of some
// users: in shards all over.
async function fill(sys) {
	const jobs = [], users = CHANNELS.map((n) => `user${n}`);

	for (const n of CHANNELS)
		jobs.push((await sys.json('/v1/jobs', { method: 'POST',
			body: JSON.stringify({ queue: `q${n}`, target: `t${n}`,
				data: n, delay: 3600 }) })).job);
	for (const user of users) {
		const reply = await sys.request(`/v1/devices?user=${user}`, {
			method: 'PUT',
			body: JSON.stringify({ token: `of ${user}`, queue: 'apns' }) });

		assert.equal(reply.status, 200);
	}
	return { jobs, users };
}

async function kept(sys, { jobs, users }) {
	for (const [n, id] of jobs.entries()) {
		const job = await sys.json(`/v1/jobs/${id}`);

		assert.equal(job.state, 'waiting', id);
		assert.equal(job.data, n, id);
	}
	for (const user of users) {
		const { devices } = await sys.json(`/v1/devices?user=${user}`);

		assert.deepEqual(devices.map(({ token }) => token), [`of ${user}`]);
	}
}

const shardsOf = (cursors) => new Set(cursors.filter(Boolean)
	.map((cursor) => [...parse(cursor).keys()][0]));

// The rows of the story; send has no table but the one it was started with.
const begin = (sys, store) => Promise.all(['httpLines', 'redisList'].map(
	(name) => {
		const channels = CHANNELS.map((n) => `${BASE}/${name}/${n}`);

		return story.row(sys, { name, store, rate: RATE, channels,
			wanted: [...story.kinds.map((listen) => [listen, channels[0]]),
				...[ws, poll, sse].flatMap((listen) => [[listen, channels],
					[listen, `${BASE}/${name}/*`]])] });
	}));

// The supervisor reads the new table, and everybody when it starts again.
async function change(sys, settings) {
	const names = sys.names();
	const told = (ps) => new RegExp(
		`^${ps} .*name=store changed=no`, 'm').test(sys.out);

	sys.say(settings);
	process.kill(sys.up.pid, 'SIGHUP');
	await until(() => names.every(told), { what: 'all read the table' });
	for (const ps of names)
		await sys.kill(ps);
}

// Each message of httpLines is where it was said to be, also in the shards
// that moved, and those were some of each kind.
function placed({ clients, publisher }) {
	for (const { kind, messages, channels } of clients)
		for (const { cursor, data: { n } } of messages)
			assert.equal(cursor, publisher.cursors[n],
				`${kind} of ${channels[0]}: where ${n} is`);
	const used = shardsOf(publisher.cursors);
	const moved = [...used].filter((s) => owner(s, 2) !== owner(s, 3));

	assert.ok(moved.length > 0 && moved.length < used.size, `${[...used]}`);
}

async function tell(t, sys, list, settings) {
	let stores = await start(sys, 2);

	await sys.readyz();
	const things = await fill(sys);
	const rows = await begin(sys, list);

	try {
		await story.flowing(rows, 100);
		for (const store of stores)
			assert.equal((await store.stop()).code, 0, store.out);
		await carry(t, sys, 2, 3);
		await change(sys, { ...settings, POSTHORN_STORE: table(3) });
		stores = await start(sys, 3);
		await sys.readyz();
		await story.flowing(rows, 100);
		await story.finish(rows);
		t.diagnostic(`${rows.map(({ count }) => count)} messages`);
		rows.forEach(story.whole);
		placed(rows[0]);
		await kept(sys, things);
	} catch (e) {
		throw saying(e, `${stores.map(({ out }) => out).join('\n')}` +
			sys.out.slice(-4000));
	} finally {
		story.abandon(rows);
		await sys.stop(); // before the stores, which it takes leave of
		for (const store of stores)
			await store.stop();
	}
}

test('two stores become three, and what they keep moves along', { skip },
	async (t) => {
		const list = await redis();
		const settings = { POSTHORN_STORE: table(2) };
		const sys = await system({ stages: ['hub', 'ingress', 'bridge'],
			formation: 'hub=2', ready: false, file: settings,
			env: { ...story.QUICK, POSTHORN_SHARDS: String(SHARDS),
				POSTHORN_STORE_ENGINE: 'rocksdb',
				POSTHORN_BRIDGE_REDIS: `127.0.0.1:${list.port}` } });

		try {
			await tell(t, sys, list, settings);
		} finally {
			await list.stop();
		}
	});

test('an event stream goes on though its hub dies while a store is away',
	{ skip }, async () => {
		const sys = await system({ stages: ['hub', 'ingress'],
			formation: 'hub=1', ready: false, env: { ...story.QUICK,
				POSTHORN_SHARDS: String(SHARDS),
				POSTHORN_STORE: table(2),
				POSTHORN_STORE_ENGINE: 'rocksdb' } });
		const [here, away] = await start(sys, 2);

		await sys.readyz();
		const marks = await sys.publish(CHANNELS.map((n) =>
			({ channel: `${BASE}/${n}`, data: 'mark' })));
		const at = (store) => CHANNELS.map((n) => `${BASE}/${n}`).filter(
			(_, n) => owner([...shardsOf([marks[n].cursor])][0], 2) === store);
		const [a, b] = [at(1)[0], at(2)[0]];
		const say = (channel, data) => sys.publish({ channel, data });
		const cursor = await sys.position(a, b);
		const client = sse(sys, { channels: [a, b], cursor, resume: true });
		let again;

		await say(a, 1);
		await say(b, 2);
		await client.got(2);
		await away.kill('SIGKILL');
		await away.exited;
		await until(() => /hub.1 .*event=link_lost store=store.2/.test(sys.out));
		await say(a, 3); // of b is known where it stood
		await client.got(3);
		await sys.kill('hub.1');
		await until(() => client.opened === 2, { what: 'it came back' });
		await say(a, 4); // of b is known what the client says
		await client.got(4);
		await sys.kill('hub.1');
		await until(() => client.opened === 3, { what: 'it came back' });
		await say(a, 5);
		await client.got(5);
		try {
			again = await sys.more('store', 'store.2');
			await sys.readyz();
			await say(b, 6);
			await client.got(6);
			exactly(client, [1, 2, 3, 4, 5, 6]);
		} finally {
			client.close();
			await sys.stop();
			for (const store of [here, again])
				await store?.stop();
		}
	});
