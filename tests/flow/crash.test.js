// crash.test.js - a store that keeps on disk dies again and again, at any
// moment and between write and sync, and the disk loses what was not synced:
// everything that was answered is there, and clients that resume end with
// every message once and in order, at the place its publisher was told.
//
// CRASH_ROUNDS=200 for more deaths than make test has time for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { bin, saying, top, until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { random } from './lib/random.js';
import * as story from './lib/story.js';
import { missing, system } from './lib/system.js';

const HOLD = path.join(top, 'build/tests/flow/hold.so');
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 12);
const NAMES = Object.keys(story.PUBLISHERS);
const BASE = '/app/public/crash';
const RATE = 100; // of each publisher, a second
const skip = missing('store', 'hub', 'ingress', 'bridge', 'send') ||
	(!fs.existsSync(HOLD) && 'not built: make test does');

// A store that is not a child of up: nobody starts it again but we.
class Mortal {
	constructor(sys) {
		this.sys = sys;
		this.hold = path.join(sys.dir, 'hold');
		this.folder = path.join(sys.dir, 'data/rocks.store.1');
		this.lives = 0;
	}

	async live() {
		this.lives++;
		this.proc = await this.sys.more('store', 'store.1', { env: {
			LD_PRELOAD: HOLD, HOLD: this.hold } });
	}

	async die() {
		await this.proc.stop('SIGKILL');
	}

	// Somewhere between write and sync; nobody is told what is in there.
	async dieHeld(rows) {
		const held = `${this.hold}.held`;

		fs.rmSync(held, { force: true });
		fs.writeFileSync(this.hold, '');
		await until(() => fs.existsSync(held), { what: 'the sync is held' });
		await story.nothingTold(rows);
		await this.die();
		fs.rmSync(this.hold);
	}

	// The disk has lost what was not synced, or a part of it.  How many bytes.
	tear(draw) {
		const [inode, synced] = fs.readFileSync(`${this.hold}.synced`, 'utf8')
			.split(' ').map(Number);

		for (const name of fs.readdirSync(this.folder)) {
			const file = path.join(this.folder, name);
			const { ino, size } = fs.statSync(file);

			if (ino !== inode || size <= synced)
				continue;
			const rest = synced + draw(size - synced + 1);

			fs.truncateSync(file, rest);
			return size - rest;
		}
		return 0;
	}

	// All that is in there fits together.
	async check() {
		const { stdout } = await promisify(execFile)(
			bin('store'), ['check', this.folder]).catch((e) => e);

		assert.match(stdout, /^faults=0 /, `life ${this.lives}`);
	}

	async stop() {
		assert.deepEqual(await this.proc.stop(), { code: 0, signal: null });
	}
}

// Every message came at the place its publisher was told.
function placed({ clients, publisher }) {
	for (const client of clients)
		for (const { cursor, data: { n } } of client.messages)
			assert.equal(cursor, publisher.cursors[n],
				`${client.kind}: where ${n} is`);
}

async function die(store, rows, draw) {
	const held = store.lives % 2 === 0;
	let torn = 0;

	await story.flowing(rows, 1 + draw(RATE));
	if (held)
		await store.dieHeld(rows);
	else
		await store.die();
	if (held && draw(2) === 0)
		torn = store.tear(draw);
	await store.check();
	await store.live();
	return torn;
}

async function began() {
	const list = await redis();
	const sys = await system({ stages: ['hub', 'ingress', 'bridge'],
		formation: '', ready: false, env: { ...story.QUICK,
			POSTHORN_STORE_ENGINE: 'rocksdb',
			POSTHORN_BRIDGE_REDIS: `127.0.0.1:${list.port}` } });
	const store = new Mortal(sys);

	await store.live();
	await sys.readyz();
	return { list, sys, store };
}

test(`what was stored survives ${ROUNDS} deaths`, { skip }, async (t) => {
	const { list, sys, store } = await began();
	const draw = random(Number(process.env.CRASH_SEED ?? 1));
	const rows = await Promise.all(NAMES.map((name) => story.row(sys, {
		name, store: list, rate: RATE, channels: [`${BASE}/${name}`],
		wanted: story.kinds.map((listen) => [listen, `${BASE}/${name}`]) })));
	let torn = 0;

	try {
		while (store.lives <= ROUNDS)
			torn += await die(store, rows, draw);
		await story.finish(rows);
		t.diagnostic(`${rows.map(({ count }) => count)} messages, ` +
			`${torn} bytes torn off`);
		rows.forEach(story.whole);
		placed(rows[NAMES.indexOf('httpLines')]);
		await store.stop();
		await store.check();
	} catch (e) {
		throw saying(e, `${store.proc.out}\n${sys.out.slice(-4000)}`);
	} finally {
		story.abandon(rows);
		store.proc.kill('SIGKILL');
		await sys.stop();
		await list.stop();
	}
});
