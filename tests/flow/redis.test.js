// redis.test.js - stores that keep everything on Redis: what befalls them or
// it while 1,000 messages a second are published, every accepted message
// comes exactly once and in order, or the hole is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redis } from './lib/redis.js';
import { until } from './lib/proc.js';
import * as story from './lib/story.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const BASE = '/app/public/kept';
const KEPT = ['--appendonly', 'yes', '--appendfsync', 'always'];
const RATE = 300;
const WITHIN = 3000; // ms until all are served again
const NAMES = ['httpLines', 'pipeLines'];

// Two publishers, and clients of each kind by name and by pattern.
const rowsOf = (sys) => NAMES.map((name) => {
	const channels = [1, 2, 3].map((n) => `${BASE}/${name}/${n}`);

	return story.row(sys, { name, channels, rate: RATE,
		wanted: story.kinds.flatMap((listen) => [[listen, channels[0]],
			[listen, channels], [listen, `${BASE}/${name}/*`]]) });
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
		const [ms, who] = await story.backAfter(rows, since);

		await story.finish(rows);
		t.diagnostic(`back after ${ms} ms (${who}), ` +
			`${rows.map(({ count }) => count)} messages`);
		for (const row of rows)
			check(row);
		assert.ok(ms <= within, `${who} was back after ${ms} ms`);
		await sys.readyz();
	} catch (e) {
		e.message += `\n${sys.out.split('\n').slice(-60).join('\n')}`;
		throw e;
	} finally {
		story.abandon(rows);
		await sys.stop();
		db.close();
		await db.proc.stop();
	}
}

test('a store on Redis is killed', { skip }, (t) =>
	told(t, { strike: (sys) => story.kill(sys, 'store.1') }));
