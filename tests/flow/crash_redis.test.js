// crash_redis.test.js - two stores on one Redis die again and again, one or
// both, at any moment and while Redis has what they sent and has not answered;
// and Redis dies, too.  All that was answered is there, at the place that was
// told, and clients that resume end with every message once and in order.
//
// CRASH_ROUNDS=200 for more deaths than make test has time for.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { poll, sse, ws } from './lib/clients.js';
import { Ledger } from './lib/ledger.js';
import { saying } from './lib/proc.js';
import { random } from './lib/random.js';
import { KEPT, redis } from './lib/redis.js';
import { BASE, House, places } from './lib/stores.js';
import * as story from './lib/story.js';
import { missing } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send', 'tap');
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const RATE = 60; // of each publisher, a second
const NAMES = ['httpLines', 'pipeLines'];
const STORES = ['store.1', 'store.2'];
const ADMIN = 'an administrator knows it';

const channelsOf = (name) => [1, 2, 3, 4, 5, 6].map((n) =>
	`${BASE}/${name}/${n}`);

const rowsOf = (sys) => Promise.all(NAMES.map((name) => {
	const channels = channelsOf(name);

	return story.row(sys, { name, channels, rate: RATE, wanted: [
		[ws, channels], [sse, `${BASE}/${name}/*`], [poll, channels]] });
}));

// Redis has what they sent and says nothing: nor does anybody else.
async function held(db, rows) {
	db.proc.kill('SIGSTOP');
	await story.nothingTold(rows);
}

async function restart(db) {
	db.close();
	db.proc.kill('SIGKILL');
	await db.proc.exited;
	Object.assign(db, await redis({ ...db }));
}

// One round: what dies, and in what moment.
async function die(house, { db, rows, draw }) {
	const what = draw(7), both = draw(3) === 0;
	const who = both ? STORES : [STORES[draw(2)]];

	await story.flowing(rows, 1 + draw(RATE));
	if (what === 0)
		return restart(db);
	if (what > 3)
		await held(db, rows);
	await Promise.all(who.map((name) => house.end(name)));
	db.proc.kill('SIGCONT');
	for (const name of who)
		await house.begin(name);
}

// Whatever a store has in memory is gone: this is what was kept.
async function reread(house, rows, from) {
	for (const name of STORES)
		await house.end(name);
	for (const name of STORES)
		await house.begin(name);
	for (const [i, row] of rows.entries()) {
		const again = [ws, sse, poll].map((listen) =>
			listen(house.sys, { channels: row.channels, cursor: from[i] }));

		for (const client of again)
			await client.got(row.count, { ms: 60000 });
		story.whole({ ...row, clients: again });
		places([row, { clients: again }]);
		again.forEach((client) => client.close());
	}
}

// Every message is where its publisher was told.
function placed({ clients, publisher }) {
	for (const client of clients)
		for (const { cursor, data: { n } } of client.messages)
			if (!cursor.includes('-'))
				assert.equal(cursor, publisher.cursors[n],
					`${client.kind}: where ${n} is`);
}

async function tell(t, house, db) {
	const { sys } = house;
	const draw = random(Number(process.env.CRASH_SEED ?? 1));
	const ledger = new Ledger(sys, { draw, admin: ADMIN, paths:
		STORES.map((name) => path.join(sys.dir, 'run', name)) });
	const from = await Promise.all(NAMES.map((name) =>
		sys.position(...channelsOf(name))));
	const rows = await rowsOf(sys);

	try {
		for (let round = 0; round < ROUNDS; round++) {
			ledger.begin();
			await ledger.goes(1);
			await die(house, { db, rows, draw });
			await ledger.check();
		}
		await story.finish(rows);
		t.diagnostic(`${rows.map(({ count }) => count)} messages, ` +
			`${ledger.deeds} deeds`);
		rows.forEach(story.whole);
		places(rows);
		placed(rows[NAMES.indexOf('httpLines')]);
		await reread(house, rows, from);
		await ledger.check();
	} finally {
		ledger.close();
		story.abandon(rows);
	}
}

test(`what Redis was given survives ${ROUNDS} deaths`, { skip }, async (t) => {
	const db = await redis({ args: KEPT });
	const house = await House.build({ most: 2,
		settings: { POSTHORN_STORE_REDIS: `127.0.0.1:${db.port}` },
		env: { POSTHORN_ADMIN_KEY: ADMIN,
			POSTHORN_STORE_HISTORY: '/**=100000,3h,256m' } });

	try {
		await tell(t, house, db);
	} catch (e) {
		throw saying(e, `${house.out}`);
	} finally {
		db.proc.kill('SIGCONT');
		await house.stop();
		await db.stop();
	}
});
