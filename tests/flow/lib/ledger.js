// ledger.js - what a store was told to keep beside messages, and what it
// answered: devices, keys, jobs, boxes.  Each page of it goes on with its
// deeds whatever happens to the store, until told to stop; then check() finds
// the store to hold what was answered, no less and no more.
import assert from 'node:assert/strict';
import { until } from './proc.js';
import { DELIVERED, Pusher, REFUSED, RETRY } from './pusher.js';
import { CODE, ID, Scribe } from './wire.js';

const INSIST = 20000; // ms

async function ask(sys, method, where, { body, authorization } = {}) {
	const reply = await sys.request(where, { method,
		headers: authorization ? { authorization } : {},
		body: body && JSON.stringify(body) });

	return { status: reply.status, json: await reply.json() };
}

// Until it is answered by one of these, whatever happens meanwhile.
export async function insist(sys, method, where, { statuses = [200],
	...more } = {}) {
	let last;

	return until(async () => {
		last = await ask(sys, method, where, more).catch((e) => e);
		return statuses.includes(last.status) && last;
	}, { ms: INSIST, what: `${method} ${where} succeeds` }).catch((e) => {
		throw new Error(`${e.message}: ${JSON.stringify(last)}`);
	});
}

class Page {
	constructor(sys, draw) {
		Object.assign(this, { sys, draw, deeds: 0 });
	}

	begin() {
		this.stopping = false;
		this.running = (async () => {
			for (; !this.stopping; this.deeds++)
				await this.deed();
		})();
		this.running.catch(() => {}); // rest() tells
	}

	async rest() {
		this.stopping = true;
		await this.running;
	}
}

const devices = (what) => `/v1/devices?${new URLSearchParams(what)}`;

// User -> tokens.
class Devices extends Page {
	constructor(...args) {
		super(...args);
		this.users = new Map(['a', 'b', 'c'].map((user) =>
			[user, new Set()]));
	}

	async deed() {
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
	}
}

// Ids of them, of an application of our own.
class Keys extends Page {
	constructor(sys, draw, admin) {
		super(sys, draw);
		this.admin = { authorization: `Bearer ${admin}` };
		this.keys = new Set();
	}

	// Asked for once: a key whose answer was lost may be there or not.
	async deed() {
		const [old] = this.keys;

		this.app ??= await insist(this.sys, 'PUT', '/v1/apps/shop',
			this.admin);
		if (old && this.keys.size > 3) {
			await insist(this.sys, 'DELETE', `/v1/apps/shop/keys/${old}`,
				{ ...this.admin, statuses: [200, 404] });
			this.keys.delete(old);
			this.revoked = old;
			return;
		}
		const { status, json } = await ask(this.sys, 'POST',
			'/v1/apps/shop/keys', { ...this.admin, body: {} })
			.catch(() => ({}));

		if (status === 200)
			this.keys.add(json.id);
	}

	async check() {
		const { json } = await insist(this.sys, 'GET',
			'/v1/apps/shop/keys', this.admin);
		const ids = json.keys.map(({ id }) => id);

		for (const id of this.keys)
			assert.ok(ids.includes(id), `key ${id} of ${ids}`);
		assert.ok(!ids.includes(this.revoked), 'a revoked key is back');
	}
}

// Jobs of a queue nobody works on: id -> target.
class Jobs extends Page {
	queue = 'kept';
	jobs = new Map();
	next = 0;

	// Twice, for an id makes one job.
	async enqueue() {
		const n = this.next++;
		const target = `${this.queue}-${n}`;
		const body = { queue: this.queue, target, data: n, ttl: 3600,
			id: `${this.queue} ${n}` };
		const { json } = await insist(this.sys, 'POST', '/v1/jobs', { body });
		const again = await insist(this.sys, 'POST', '/v1/jobs', { body });

		assert.equal(again.json.job, json.job, `the id of ${target}`);
		return [json.job, target];
	}

	async deed() {
		const [old] = this.jobs.keys();

		if (!old || this.jobs.size < 20 || this.draw(2) === 0) {
			const [job, target] = await this.enqueue();

			this.jobs.set(job, target);
			return;
		}
		await insist(this.sys, 'DELETE', `/v1/jobs/${old}`,
			{ statuses: [200, 404] });
		this.jobs.delete(old);
	}

	// target -> state
	async listed() {
		const rows = [];

		for (let after = ''; after !== undefined;) {
			const { json } = await insist(this.sys, 'GET', '/v1/jobs?' +
				`queue=${this.queue}&limit=1000&after=${after}`);

			rows.push(...json.jobs);
			after = json.after;
		}
		return new Map(rows.map(({ target, state }) => [target, state])
			.filter(([, state]) =>
				!['delivered', 'cancelled', 'gone'].includes(state)));
	}

	async check() {
		assert.deepEqual([...(await this.listed()).keys()].sort(),
			[...this.jobs.values()].sort(), 'the jobs that are kept');
	}
}

// Jobs of a queue that a pusher works on.  One that it settled never comes
// again; what it gave up is a dead letter, until that is replayed.
class Work extends Jobs {
	queue = 'work';
	waits = new Set(); // targets
	dead = new Map(); // target -> id
	settled = new Set();

	async deed() {
		this.pusher ??= await Pusher.start(this.sys, this.queue, 20);
		if (this.dead.size > 4) {
			const [[target, id]] = this.dead;

			await insist(this.sys, 'DELETE', `/v1/jobs/${id}`,
				{ statuses: [200, 404] });
			this.dead.delete(target);
		}
		const [job, target] = await this.enqueue();

		await this.pusher.got(target);
		const outcome = [DELIVERED, DELIVERED, REFUSED, RETRY][this.draw(4)];

		if (outcome === RETRY)
			this.waits.add(target);
		const lease = await this.end(target, outcome);

		if (outcome === DELIVERED)
			this.settled.add(lease);
		else if (outcome === REFUSED)
			this.dead.set(target, job);
	}

	// A lease that was over is followed by another one.
	async end(target, outcome) {
		const { pusher } = this;
		const latest = () => pusher.of('job').findLast((one) =>
			one.target === target);
		const later = outcome === RETRY ? Date.now() + 3600000 : 0;
		let lease;

		do
			await pusher.settle(() => (lease = latest()), outcome, 'no', later);
		while (lease !== latest());
		return lease;
	}

	async check() {
		const all = await this.listed();

		for (const target of this.waits)
			assert.equal(all.get(target), 'waiting', target);
		for (const target of this.dead.keys())
			assert.equal(all.get(target), 'dead', target);
		assert.equal(all.size, this.waits.size + this.dead.size,
			`${[...all]} besides`);
		for (const { target, lease } of this.settled)
			assert.ok(!this.pusher.of('job').some((one) =>
				one.target === target && one.lease > lease),
			`${target} is settled, and comes again`);
	}
}

// Items of boxes: box -> key -> version.  Nothing but a store's memory of
// what it answered tells a put that is repeated from one that is too old.
class Boxes extends Page {
	static names = [1, 2, 3, 4].map((n) => `/app/private/box/${n}`);

	constructor(sys, draw, paths) {
		super(sys, draw);
		this.scribe = new Scribe(paths);
		this.version = 0;
		this.boxes = new Map(Boxes.names.map((box) => [box, new Map()]));
	}

	async deed() {
		const box = Boxes.names[this.draw(4)], key = `k${this.draw(12)}`;
		const items = this.boxes.get(box);

		if (items.has(key) && this.draw(3) === 0) {
			assert.equal(await this.scribe.write(ID.drop, box, key, 0),
				CODE.ok, `drop ${key} of ${box}`);
			items.delete(key);
			return;
		}
		assert.equal(await this.scribe.write(ID.put, box, key, ++this.version,
			1, 0, '', Buffer.from(`${this.version}`), 0), CODE.ok,
		`put ${key} into ${box}`);
		items.set(key, this.version);
	}

	async check() {
		for (const [box, items] of this.boxes)
			assert.deepEqual([...await this.scribe.list(box)],
				[...items].sort(([a], [b]) => a < b ? -1 : 1), box);
	}
}

export class Ledger {
	// paths: the sockets of the stores; admin: the administrator's key
	constructor(sys, { draw, paths, admin }) {
		this.pages = [new Devices(sys, draw), new Keys(sys, draw, admin),
			new Jobs(sys, draw), new Work(sys, draw),
			new Boxes(sys, draw, paths)];
	}

	get deeds() {
		return this.pages.map(({ deeds }) => deeds);
	}

	begin() {
		this.pages.forEach((page) => page.begin());
	}

	// As soon as each page has so many more.
	async goes(count) {
		const from = this.deeds;

		await until(() => this.deeds.every((n, i) => n >= from[i] + count),
			{ ms: INSIST, what: `${count} more deeds` }).catch((e) => {
			throw new Error(`${e.message}: ${from}, then ${this.deeds}`);
		});
	}

	async check() {
		await Promise.all(this.pages.map((page) => page.rest()));
		for (const page of this.pages)
			await page.check();
	}

	close() {
		for (const page of this.pages)
			page.stopping = true;
	}
}
