// crash_rows.test.js - applications, keys and devices that were answered are
// there whenever the store dies, and what was taken away does not come back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './lib/proc.js';
import { random } from './lib/random.js';
import { missing, system } from './lib/system.js';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const ADMIN = 'Bearer an administrator knows it';
const skip = missing('store', 'hub', 'ingress');

async function ask(sys, method, where, { body, authorization } = {}) {
	const reply = await sys.request(where, { method,
		headers: authorization ? { authorization } : {},
		body: body && JSON.stringify(body) });

	return { status: reply.status, json: await reply.json() };
}

// Until it is answered by one of these, whatever happens meanwhile.
async function insist(sys, method, where, { statuses = [200], ...more } = {}) {
	let last;

	return until(async () => {
		last = await ask(sys, method, where, more).catch((e) => e);
		return statuses.includes(last.status) && last;
	}, { ms: 20000, what: `${method} ${where} succeeds` }).catch((e) => {
		throw new Error(`${e.message}: ${JSON.stringify(last)}`);
	});
}

const devices = (what) => `/v1/devices?${new URLSearchParams(what)}`;
const admin = { authorization: ADMIN };

// What was answered: user -> tokens, and ids of keys.
class Ledger {
	constructor(sys, draw) {
		Object.assign(this, { sys, draw, deeds: 0 });
		this.users = new Map(['a', 'b', 'c'].map((user) =>
			[user, new Set()]));
		this.keys = new Set();
	}

	async device() {
		const user = 'abc'[this.draw(3)], token = `t${this.draw(8)}`;
		const has = this.users.get(user);

		if (has.has(token) && this.draw(2) === 0) {
			await insist(this.sys, 'DELETE', devices({ user, token }),
				{ statuses: [200, 404] });
			has.delete(token);
			return;
		}
		await insist(this.sys, 'PUT', devices({ user }),
			{ body: { token, queue: 'apns' } });
		for (const tokens of this.users.values())
			tokens.delete(token);
		has.add(token);
	}

	// Asked for once: a key whose answer was lost may be there or not.
	async key() {
		const [old] = this.keys;

		if (old && this.keys.size > 3) {
			await insist(this.sys, 'DELETE', `/v1/apps/shop/keys/${old}`,
				{ ...admin, statuses: [200, 404] });
			this.keys.delete(old);
			this.revoked = old;
			return;
		}
		const { status, json } = await ask(this.sys, 'POST',
			'/v1/apps/shop/keys', { ...admin, body: {} }).catch(() => ({}));

		if (status === 200)
			this.keys.add(json.id);
	}

	async run() {
		while (!this.stopping) {
			await (this.draw(3) === 0 ? this.key() : this.device());
			this.deeds++;
		}
	}

	async check() {
		const { sys } = this;

		for (const [user, tokens] of this.users) {
			const { json } = await insist(sys, 'GET', devices({ user }));

			assert.deepEqual(json.devices.map(({ token }) => token),
				[...tokens].sort(), `devices of ${user}`);
			for (const token of tokens)
				assert.equal((await insist(sys, 'GET',
					devices({ token }))).json.user, user);
		}
		const { json } = await insist(sys, 'GET', '/v1/apps/shop/keys', admin);
		const ids = json.keys.map(({ id }) => id);

		for (const id of this.keys)
			assert.ok(ids.includes(id), `key ${id} of ${ids}`);
		assert.ok(!ids.includes(this.revoked), 'a revoked key is back');
	}
}

test(`rows survive ${ROUNDS} deaths`, { skip }, async () => {
	const sys = await system({ formation: '', env: {
		POSTHORN_STORE_ENGINE: 'rocksdb',
		POSTHORN_ADMIN_KEY: ADMIN.slice('Bearer '.length) } });
	const draw = random(Number(process.env.CRASH_SEED ?? 1));
	const ledger = new Ledger(sys, draw);

	await insist(sys, 'PUT', '/v1/apps/shop', admin);
	for (let round = 0; round < ROUNDS; round++) {
		ledger.stopping = false;
		const running = ledger.run();
		const from = ledger.deeds;

		await until(() => ledger.deeds - from > 5 + draw(20));
		await sys.kill('store.1');
		ledger.stopping = true;
		await running;
		await ledger.check();
	}
	await sys.stop();
});
