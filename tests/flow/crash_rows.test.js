// crash_rows.test.js - what is kept beside messages - applications, keys,
// devices, jobs, boxes - is there as it was answered whenever the store dies,
// and what was taken away does not come back.
//
// CRASH_ROUNDS=200 for more deaths than make test has time for.
import { saying } from './lib/proc.js';
import path from 'node:path';
import { test } from 'node:test';
import { Ledger } from './lib/ledger.js';
import { random } from './lib/random.js';
import { missing, system } from './lib/system.js';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const ADMIN = 'an administrator knows it';
const skip = missing('store', 'hub', 'ingress', 'send', 'tap');

test(`rows survive ${ROUNDS} deaths`, { skip }, async (t) => {
	const sys = await system({ stages: ['hub', 'ingress'], formation: '',
		ready: false, env: { POSTHORN_STORE_ENGINE: 'rocksdb',
			POSTHORN_ADMIN_KEY: ADMIN } });
	// not a child of up, which leaves alone what dies so often
	const begin = () => sys.more('store', 'store.1');
	let store = await begin();
	const draw = random(Number(process.env.CRASH_SEED ?? 1));
	const ledger = new Ledger(sys, { draw, admin: ADMIN,
		paths: [path.join(sys.dir, 'run/store')] });

	try {
		await sys.readyz();
		for (let round = 0; round < ROUNDS; round++) {
			ledger.begin();
			await ledger.goes(1 + draw(4));
			await store.stop('SIGKILL');
			store = await begin();
			await ledger.check();
		}
		t.diagnostic(`${ledger.deeds} deeds`);
	} catch (e) {
		throw saying(e, `${sys.out.slice(-2000)}\n${store.out}`);
	} finally {
		ledger.close();
		await sys.stop();
		await store.stop();
	}
});
