// redis.test.js - stores that keep everything on Redis: what befalls them or
// it while 1,000 messages a second are published, every accepted message
// comes exactly once and in order, or the hole is told.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { sse, ws } from './lib/clients.js';
import { stolen } from './lib/processor.js';
import { KEPT, redis } from './lib/redis.js';
import { saying, until } from './lib/proc.js';
import * as story from './lib/story.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const BASE = '/app/public/kept';
const RATE = 300;
const WITHIN = 3000; // ms until all are served again, if nobody else is served
const NAMES = ['httpLines', 'pipeLines'];

// Two publishers, and clients of each kind by name and by pattern.
const rowsOf = (sys) => NAMES.map((name) => {
	const channels = [1, 2, 3].map((n) => `${BASE}/${name}/${n}`);

	return story.row(sys, { name, channels, rate: RATE,
		wanted: [[ws, channels], [sse, channels],
			...story.kinds.flatMap((listen) =>
				[[listen, channels[0]], [listen, `${BASE}/${name}/*`]])] });
});

// A Redis of one's own, and a house on it.
async function told(t, { args = KEPT, env = {}, strike, check = story.whole,
	within = WITHIN, formation = '' }) {
	const db = await redis({ args });
	const sys = await system({ formation, env: {
		...story.QUICK,
		POSTHORN_STORE_ENGINE: 'redis',
		POSTHORN_STORE_REDIS: `127.0.0.1:${db.port}`,
		...env } });
	const rows = await Promise.all(rowsOf(sys));

	try {
		await story.flowing(rows, 100);
		const since = await strike(sys, db);
		const waited = stolen(() => [...sys.pids().values(), db.proc.pid,
			...rows.map(({ publisher }) => publisher.child?.pid ?? 0)]);
		const [ms, who] = await story.backAfter(rows, since);
		const late = ms - waited();

		await story.finish(rows);
		t.diagnostic(`back after ${ms} ms (${who}), ${ms - late} of them ` +
			`waiting, ${rows.map(({ count }) => count)} messages`);
		for (const row of rows)
			check(row);
		assert.ok(late <= within, `${who} was back after ${ms} ms, ` +
			`${ms - late} of them waiting`);
		await sys.readyz();
	} catch (e) {
		throw saying(e, `${sys.out.split('\n').slice(-60).join('\n')}`);
	} finally {
		story.abandon(rows);
		await sys.stop();
		await db.stop();
	}
}

const LONG = 5000; // ms; longer than a lease, and than the beats of a link

async function crash(db) {
	db.close();
	db.proc.kill('SIGKILL');
	await db.proc.exited;
}

// The same one again, from what it has on disk; since when it answers.
async function begin(db) {
	Object.assign(db, await redis({ ...db }));
	return Date.now();
}

async function restart(sys, db) {
	await crash(db);
	return begin(db);
}

async function away(sys, db) {
	const began = Date.now();

	await crash(db);
	await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
	return begin(db);
}

async function hold(sys, db) {
	const began = Date.now();

	db.proc.kill('SIGSTOP');
	await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
	db.proc.kill('SIGCONT');
	return Date.now();
}

// It comes back as it was some hundred messages ago.
async function backInTime(sys, db) {
	const kept = path.join(db.dir, 'appendonlydir');
	const top = () => sys.sum('publishes_accepted_total');
	const before = await top();

	fs.cpSync(kept, `${kept}.before`, { recursive: true });
	await until(async () => await top() > before + 300);
	await crash(db);
	fs.rmSync(kept, { recursive: true });
	fs.renameSync(`${kept}.before`, kept);
	return begin(db);
}

async function empty(sys, db) {
	await db.do('FLUSHALL');
	return Date.now();
}

test('a store on Redis is killed', { skip }, (t) =>
	told(t, { strike: (sys) => story.kill(sys, 'store.1') }));
test('a store on Redis is stopped for 5 s', { skip }, (t) =>
	told(t, { strike: (sys) => story.hold(sys, 'store.1') }));
test('Redis is restarted', { skip }, (t) => told(t, { strike: restart }));
test('Redis is away for 5 s', { skip }, (t) => told(t, { strike: away }));
test('Redis is stopped for 5 s', { skip }, (t) => told(t, { strike: hold }));
test('Redis comes back with less than it had', { skip }, (t) =>
	told(t, { strike: backInTime,
		check: story.told(() => true, { rest: true }) }));
test('Redis is emptied', { skip }, (t) =>
	told(t, { strike: empty, check: story.told(() => true) }));
