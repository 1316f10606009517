// person.js - somebody who is present by WebSocket, and what he is told.
import { after } from 'node:test';
import WebSocket from 'ws';
import { until } from './proc.js';
import { token } from './token.js';

const all = new Set();

after(() => {
	for (const person of all)
		person.drop();
});

export const CHANNEL = '/app/presence/room';

export const pass = (id, more = {}, channel = '/app/presence/**') =>
	token({ channel, sub: true, presence: { id, ...more } });

// Somebody by WebSocket, who comes back with his session.
export class Person {
	constructor(sys, id, { session, data, channel = CHANNEL,
		back = true } = {}) {
		Object.assign(this, { sys, id, session, channel, back });
		this.token = pass(id, data);
		this.events = []; // [what, user]
		this.seen = []; // the whole messages
		this.replies = [];
		this.roster = {};
		this.ref = 0;
		this.opened = 0;
		all.add(this);
		(sys.people ??= []).push(this);
		this.connect();
	}

	connect() {
		this.socket = new WebSocket(this.sys.url('/v1/ws', 'ws'));
		this.socket.on('open', () => this.ask({ op: 'subscribe',
			channel: this.channel, token: this.token, session: this.session,
			cursor: this.cursor }));
		this.socket.on('message', (bytes) => this.take(JSON.parse(bytes)));
		this.socket.on('error', () => {});
		this.socket.on('close', () => this.again());
	}

	async again() {
		let turns = 0;

		await until(() => turns++ === 4);
		if (this.back)
			this.connect();
	}

	ask(command) {
		this.socket.send(JSON.stringify({ ref: ++this.ref, ...command }));
		return this.ref;
	}

	async reply(command) {
		const ref = this.ask(command);

		return until(() => this.replies.find((one) => one.ref === ref),
			{ what: `the answer to ${JSON.stringify(command)}` });
	}

	take(it) {
		if (it.cursor)
			this.cursor = it.cursor;
		if (it.gap)
			this.cursor = it.gap.to;
		if (it.ok && it.presence) {
			this.opened++;
			this.session = it.presence.session;
			this.presence = it.presence;
			this.roster = it.presence.roster;
		}
		if ('ok' in it) {
			this.replies.push(it);
			return;
		}
		if (!it.presence)
			return;
		this.seen.push(it);
		for (const [what, users] of Object.entries(it.presence))
			for (const [user, data] of Object.entries(users)) {
				this.events.push([what, user]);
				if (what === 'leave')
					delete this.roster[user];
				else
					this.roster[user] = data;
			}
	}

	ready(times = 1) {
		return until(() => this.opened >= times || this.failed(), { ms: 20000,
			what: `${this.id} is there` }).then(() => this);
	}

	failed() {
		return this.replies.find((one) => !one.ok);
	}

	told(n, ms = 10000) {
		return until(() => this.events.length >= n, { ms,
			what: `${this.id} is told ${n} events` }).catch((e) => {
			throw new Error(`${e.message}; ${JSON.stringify(this.events)}`);
		});
	}

	// Gone for good, without a word.
	drop() {
		this.back = false;
		this.socket.terminate();
	}
}

export const enter = (...args) => new Person(...args).ready();
