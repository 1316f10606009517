// incus.js - what an application says to Incus through Redis, and somebody who
// listens to Incus' channels natively.
import assert from 'node:assert/strict';
import { ws } from './clients.js';
import { bin, start, until } from './proc.js';
import { DELIVERED, Pusher } from './pusher.js';
import { token } from './token.js';

export const ADMIN = 'an administrator knows it';
export const USER = '/incus/private/user/';
export const PAGE = '/incus/public/page/';
export const ALL = '/incus/public/all';
export const CONTROL = '/incus/meta/control';

// An item of the list or channel.
export const item = (command, message) => JSON.stringify(
	{ command, message });
export const message = (event, data, to = {}) => item(
	{ command: 'message', ...to }, { event, data, time: 1 });

// A key that may listen on /incus/ and what else is named.
export async function key(sys, more = []) {
	const admin = (method, where, body) => sys.json(where, { method,
		headers: { authorization: `Bearer ${ADMIN}` },
		body: body && JSON.stringify(body) });

	await admin('PUT', '/v1/apps/watcher');
	const made = await admin('POST', '/v1/apps/watcher/keys',
		{ prefixes: ['/incus', ...more] });

	assert.ok(made.secret, JSON.stringify(made));
	const show = (claims) => token({ channel: '/incus/**', sub: true,
		...claims }, { kid: made.id, secret: made.secret });

	await until(async () => (await sys.request(`/v1/poll?timeout=0&channel=${
		USER}x`, { headers: { authorization: `Bearer ${show()}` } })).ok,
	{ what: 'the key is known' });
	return show;
}

// A native listener to channels of Incus.
export const listen = (sys, show, ...channels) =>
	ws(sys, { channels, token: show() }).ready();

// Publishes, as tap tells them.
export async function publishes(sys, ...channel) {
	const tap = await start(bin('tap'), channel,
		{ cwd: sys.dir, env: sys.env, piped: true });
	let rest = '';

	tap.frames = [];
	tap.child.stdout.setEncoding('utf8').on('data', (text) => {
		const lines = (rest + text).split('\n');

		rest = lines.pop();
		tap.frames.push(...lines.map((line) => JSON.parse(line)));
	});
	tap.got = async (n) => {
		await until(() => tap.frames.length >= n, { ms: 20000,
			what: `${n} publishes` }).catch((e) => {
			throw new Error(`${e.message}: ${JSON.stringify(tap.frames)}`);
		});
		return tap.frames;
	};
	return tap;
}

// Whoever takes the jobs of both queues, at once and for good.
export class Jobs {
	static async start(sys) {
		const jobs = new Jobs();

		jobs.pushers = await Promise.all(['apns', 'gcm'].map((queue) =>
			Pusher.start(sys, queue, 1000)));
		for (const pusher of jobs.pushers) {
			let told = 0;

			pusher.tap.child.stdout.on('data', () => {
				const all = pusher.of('job');

				for (; told < all.length; told++)
					pusher.say(all[told], DELIVERED);
			});
		}
		jobs.anew();
		return jobs;
	}

	get all() {
		return this.pushers.flatMap((pusher, i) =>
			pusher.of('job').slice(this.from?.[i] ?? 0));
	}

	// What came before is of no interest any more.  What is still on its way
	// would be taken for what comes next: whoever makes jobs waits for all of
	// them, not only for as many as he needs.
	anew() {
		this.from = this.pushers.map((pusher) => pusher.of('job').length);
	}

	until(cond, what) {
		return until(cond, { ms: 20000, what }).catch((e) => {
			throw new Error(`${e.message}: ${JSON.stringify(this.all)}`);
		});
	}

	async got(n) {
		await this.until(() => this.all.length >= n, `${n} jobs`);
		return this.all;
	}

	stop() {
		return Promise.all(this.pushers.flatMap(({ tap, out }) =>
			[tap.stop(), out.stop()]));
	}
}
