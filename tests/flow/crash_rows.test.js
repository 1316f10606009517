// crash_rows.test.js - what is kept beside messages - applications, keys,
// devices, jobs, boxes - is there as it was answered whenever the store dies,
// and what was taken away does not come back.
//
// CRASH_ROUNDS=200 for more deaths than make test has time for.
import path from 'node:path';
import { test } from 'node:test';
import { Ledger } from './lib/ledger.js';
import { random } from './lib/random.js';
import { missing, system } from './lib/system.js';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const ADMIN = 'an administrator knows it';
const skip = missing('store', 'hub', 'ingress', 'send', 'tap');

test(`rows survive ${ROUNDS} deaths`, { skip }, async (t) => {
	const sys = await system({ formation: '', env: {
		POSTHORN_STORE_ENGINE: 'rocksdb',
		POSTHORN_ADMIN_KEY: ADMIN } });
	const draw = random(Number(process.env.CRASH_SEED ?? 1));
	const ledger = new Ledger(sys, { draw, admin: ADMIN,
		paths: [path.join(sys.dir, 'run/store')] });

	try {
		for (let round = 0; round < ROUNDS; round++) {
			ledger.begin();
			await ledger.goes(1 + draw(4));
			await sys.kill('store.1');
			await ledger.check();
		}
		t.diagnostic(`${ledger.deeds} deeds`);
	} catch (e) {
		e.message += `\n${sys.out.slice(-4000)}`;
		throw e;
	} finally {
		ledger.close();
		await sys.stop();
	}
});
