// stores.js - a house whose stores share a Redis: up runs the rest, the stores
// are ours, so that one that is killed stays away until it is begun again.
import assert from 'node:assert/strict';
import { poll, parse, sse, ws } from './clients.js';
import { bin, saying, start, until } from './proc.js';
import { redis } from './redis.js';
import * as story from './story.js';
import { system } from './system.js';

export const BASE = '/app/public/kept';
export const SHARDS = 16;
const NAMES = ['httpLines', 'pipeLines'];
const CHANNELS = [1, 2, 3, 4, 5, 6]; // of each publisher
const RATE = 200; // of each, a second
const BALANCED = 10000; // ms

// A setting for stories in which nothing may be lost with a master: what is
// answered before the replicas have it may be, and on a busy machine they need
// longer than the default.
export const SURE = { POSTHORN_STORE_REDIS_WAIT: '5s' };

export class House {
	// settings: those of the engine; count: stores that begin.
	static async build({ settings, env = {}, stores = 2, most = 3 }) {
		const it = new House();
		const names = Array.from({ length: most }, (_, n) => `store.${n + 1}`);

		it.stores = new Map();
		it.ended = [];
		it.sys = await system({ stages: ['hub', 'ingress'], formation: '',
			ready: false, env: {
				...story.QUICK,
				POSTHORN_STORE_ENGINE: 'redis',
				POSTHORN_SHARDS: `${SHARDS}`,
				POSTHORN_STORE: names.map((name) =>
					`${name}@ipc://run/${name}`).join(' '),
				...settings, ...env } });
		for (const name of names.slice(0, stores))
			await it.begin(name);
		await it.balanced();
		return it;
	}

	async begin(name) {
		this.stores.set(name, await start(bin('store'), [],
			{ cwd: this.sys.dir, env: { ...this.sys.env, PS: name } }));
	}

	// Its process is gone; since when.
	async end(name, signal = 'SIGKILL') {
		const store = this.stores.get(name);
		const since = Date.now();

		this.stores.delete(name);
		this.ended.push(store);
		store.kill(signal);
		await store.exited;
		return since;
	}

	signal(name, signal) {
		this.stores.get(name).kill(signal);
	}

	// Of all that runs for it and for these rows, the ids.
	pids(rows) {
		return [...this.sys.pids().values(),
			...[...this.stores.values()].map(({ pid }) => pid),
			...rows.map(({ publisher }) => publisher.child?.pid ?? 0)];
	}

	// Shards of a store, as it says.
	shards(name) {
		return this.sys.sum('_shards', `"${name}"`).catch(() => NaN);
	}

	// As soon as each store has its share, and all are had.
	async balanced() {
		const n = this.stores.size;
		let last;

		await until(async () => {
			last = [];
			for (const name of this.stores.keys())
				last.push(await this.shards(name));
			return last.reduce((a, b) => a + b, 0) === SHARDS &&
				last.every((one) => one >= Math.floor(SHARDS / n) &&
					one <= Math.ceil(SHARDS / n));
		}, { ms: BALANCED, what: 'each store has its share' })
			.catch((e) => {
				throw new Error(`${e.message}, but ${last}`);
			});
	}

	get out() {
		return [this.sys.up, ...this.ended, ...this.stores.values()]
			.map(({ name, out }) => `${name}:\n` +
				out.split('\n').slice(-150).join('\n')).join('\n');
	}

	// Two publishers, and clients of each kind by name and by pattern.
	rows(rate = RATE) {
		return Promise.all(NAMES.map((name) => {
			const channels = CHANNELS.map((n) => `${BASE}/${name}/${n}`);

			return story.row(this.sys, { name, channels, rate,
				wanted: [ws, sse, poll].flatMap((listen) =>
					[[listen, channels], [listen, `${BASE}/${name}/*`]]) });
		}));
	}

	async stop() {
		await this.sys.stop();
		for (const name of [...this.stores.keys()]) {
			this.signal(name, 'SIGCONT');
			await this.end(name, 'SIGTERM');
		}
	}
}

// ms from `since` until every client has something published after that of
// every channel it listens to, and who was last.
export async function backAfter(rows, since, to = Infinity) {
	let worst = [0, 'nobody'];

	for (const { name, clients, channels } of rows)
		for (const client of clients)
			for (const channel of channels) {
				const who = `${client.kind} of ${name}, ${channel}`;
				const later = (it) => it.channel === channel &&
					it.data.at > since && it.data.at < to;
				let n;

				await until(() => {
					n = client.messages.findIndex(later);
					return n >= 0;
				}, { ms: 30000, what: `${who} is back; ` +
					JSON.stringify(client) });
				if (client.times[n] - since > worst[0])
					worst = [client.times[n] - since, who];
			}
	return worst;
}

// The longest that any client heard nothing of any channel, in ms, from one
// time to another, and who that was.
export function silence(rows, from, to) {
	let worst = [0, 'nobody'];

	for (const { name, clients, channels } of rows)
		for (const client of clients)
			for (const channel of channels) {
				const times = client.times.filter((_, n) =>
					client.messages[n].channel === channel);
				const ms = story.silence({ times }, from, to);

				if (ms > worst[0])
					worst = [ms, `${client.kind} of ${name}, ${channel}`];
			}
	return worst;
}

// Each place of each shard is of one message, whoever tells of it.
export function places(rows) {
	const at = new Map();
	const epochs = new Set();

	for (const { clients } of rows)
		for (const client of clients)
			for (const { channel, cursor, data: { n } } of client.messages) {
				assert.match(cursor, /^\d+:|^[0-9a-z]+\.\d+$/);
				const parts = [...parse(cursor)];

				if (parts.length !== 1)
					continue; // a position, not a place
				const what = `${n} of ${channel}`;

				assert.equal(at.get(cursor) ?? what, what, cursor);
				at.set(cursor, what);
				epochs.add(`${parts[0][0]}:${parts[0][1].epoch}`);
			}
	return { at, epochs };
}

// What happens in a house under load; then all must be as `check` says.
export async function told(t, { strike, check = story.whole, end, rate,
	...settings }) {
	const house = await House.build(settings);
	let rows = [];

	try {
		rows = await house.rows(rate);
		await story.flowing(rows, 60);
		await strike(house, rows, t);
		await story.finish(rows);
		t.diagnostic(`${rows.map(({ count }) => count)} messages`);
		for (const row of rows)
			check(row);
		places(rows);
	} catch (e) {
		throw saying(e, `${house.out}`);
	} finally {
		story.abandon(rows);
		await house.stop();
		await end?.();
	}
}

// A house without load, whose Redis ends with it.
export async function quiet(what, tell) {
	const db = await redis();
	const house = await House.build({ ...what,
		settings: { POSTHORN_STORE_REDIS: `127.0.0.1:${db.port}` } });

	try {
		await tell(house, house.sys, db);
	} catch (e) {
		throw saying(e, `${house.out}`);
	} finally {
		await house.stop();
		await db.stop();
	}
}
