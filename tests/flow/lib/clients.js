// clients.js - listeners on each transport that record what they are told.
//
// All have the same face: messages, gaps, cursor, got(n), close().  With
// `resume` they connect again whenever the connection ends, from the cursor
// they have, as a good client does; nobody removes repeats or sorts, so that
// a test sees them.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { after } from 'node:test';
import WebSocket from 'ws';
import { until } from './proc.js';

const open = new Set();

after(() => {
	for (const client of open)
		client.close();
});

// ---- Cursors: <epoch>.<offset>, of several shards <shard>:<epoch>.<offset>-

export function parse(cursor) {
	return new Map(cursor.split('-').map((part) => {
		const [, shard = '0', epoch, offset] =
			/^(?:(\d+):)?([0-9a-z]+)\.(\d+)$/.exec(part);

		return [Number(shard), { epoch, offset: BigInt(offset) }];
	}));
}

export function format(parts) {
	const rows = [...parts].sort(([a], [b]) => a - b);

	return rows.map(([shard, { epoch, offset }]) => (shard !== 0 ||
		rows.length > 1 ? `${shard}:` : '') + `${epoch}.${offset}`).join('-');
}

// Move a position on by what came; of another epoch it is replaced.
function advance(parts, by) {
	for (const [shard, part] of by) {
		const old = parts.get(shard);

		if (!old || old.epoch !== part.epoch || old.offset < part.offset)
			parts.set(shard, part);
	}
}

export function matches(pattern, channel) {
	const base = pattern.replace(/\*+$/, '');

	if (base === pattern)
		return pattern === channel;
	return channel.startsWith(base) && channel.length > base.length &&
		(pattern.endsWith('**') || !channel.slice(base.length).includes('/'));
}

// ---- What all have in common

class Client {
	constructor(kind, sys, { channels, cursor = null, token, resume = false,
		scheme = sys.scheme, query = '' }) {
		Object.assign(this, { kind, sys, token, resume, scheme, query });
		this.channels = [channels].flat();
		this.cursor = cursor;
		this.messages = [];
		this.times = []; // when each of them came
		this.gaps = [];
		this.errors = []; // answers that were no success
		this.opened = 0; // connections that were accepted
		this.ended = 0; // and how many of them ended
		this.closed = false;
		open.add(this);
	}

	took(message) {
		this.messages.push(message);
		this.times.push(Date.now());
	}

	// With the channel or pattern it is told of.
	gap({ channel, gap }) {
		this.gaps.push({ ...gap, channel });
	}

	get data() {
		return this.messages.map((message) => message.data);
	}

	// Its messages, as soon as there are n of them.
	async got(n, { ms } = {}) {
		await until(() => this.messages.length >= n, { ms,
			what: `${this.kind} has ${n} messages` }).catch((e) => {
			throw new Error(`${e.message}\nit ${JSON.stringify(this)}`);
		});
		return this.messages;
	}

	// Of its end of the connection; undefined between two of them.
	get port() {
		return (this.socket?._socket ?? this.call?.socket)?.localPort;
	}

	// How it stands, for who has to find out why.
	toJSON() {
		return { has: this.messages.length, last: this.messages.at(-1)?.cursor,
			gaps: this.gaps, errors: this.errors.slice(-3),
			opened: this.opened, ended: this.ended };
	}

	// As soon as it is connected, and knows where it is.
	async ready({ ms } = {}) {
		await until(() => this.isReady() || this.failed(), { ms,
			what: `${this.kind} is connected` });
		assert.ok(this.isReady(), `${this.kind}: ` +
			JSON.stringify(this.errors));
		return this;
	}

	failed() {
		return !this.resume && this.errors.length !== 0;
	}

	close() {
		this.closed = true;
		open.delete(this);
		this.hangUp();
	}

	// The connection is gone: once more, soon.
	async again() {
		this.ended++;
		if (this.closed || !this.resume)
			return;
		let turns = 0;

		await until(() => turns++ === 2);
		if (!this.closed)
			this.connect();
	}

	parameters(more = {}) {
		const text = this.channels.map((channel) =>
			`channel=${encodeURIComponent(channel)}`);

		for (const [name, value] of Object.entries(more))
			if (value !== null && value !== undefined)
				text.push(`${name}=${encodeURIComponent(value)}`);
		if (this.token)
			text.push(`token=${this.token}`);
		return text.join('&') + this.query;
	}

	get(where, headers, done) {
		const { get, Agent } = this.scheme === 'https' ? https : http;

		this.agent ??= new Agent({ keepAlive: true, maxSockets: 1 });
		this.call = get(this.sys.url(where, this.scheme),
			{ agent: this.agent, headers, rejectUnauthorized: false }, done);
		this.call.on('error', () => this.again());
	}

	hangUp() {
		this.call?.destroy();
		this.agent?.destroy();
	}
}

// ---- WebSocket

class Ws extends Client {
	constructor(sys, options) {
		super('WebSocket', sys, options);
		this.options = options;
		// Parsed, as there may be many messages and 64 shards.
		this.places = new Map(this.channels.map((channel) => [channel,
			options.cursor ? parse(options.cursor) : new Map()]));
		this.replies = [];
		this.ref = 0;
		this.connect();
	}

	connect() {
		const { protocol, deflate = false, decode = JSON.parse,
			encode = JSON.stringify, headers } = this.options;
		const url = this.sys.url('/v1/ws', this.scheme.replace('http', 'ws'));
		const socket = new WebSocket(url, protocol ? [protocol] : [], { headers,
			perMessageDeflate: deflate, rejectUnauthorized: false,
			maxPayload: 64 << 20, skipUTF8Validation: false });

		this.socket = socket;
		this.encode = encode;
		this.subscribed = 0;
		socket.on('open', () => {
			this.opened++;
			for (const channel of this.channels)
				this.ask({ op: 'subscribe', channel, token: this.token,
					cursor: format(this.places.get(channel)) || undefined });
		});
		socket.on('message', (bytes, binary) => {
			this.bytes = bytes;
			this.take(decode(bytes, binary));
		});
		socket.on('unexpected-response', (_, reply) => {
			this.errors.push({ status: reply.statusCode });
			socket.terminate(); // which closes it
		});
		socket.on('error', (e) => (this.lastError = e));
		socket.on('close', (code, reason) => {
			this.code = code;
			this.reason = reason.toString();
			this.again();
		});
	}

	// Send a command; the reply with its ref is found by reply().
	ask(command) {
		const ref = ++this.ref;

		this.socket.send(this.encode({ ref, ...command }));
		return ref;
	}

	async reply(command) {
		const ref = this.ask(command);

		return until(() => this.replies.find((reply) => reply.ref === ref),
			{ what: `the answer to ${JSON.stringify(command)}` });
	}

	take(it) {
		if ('ok' in it) {
			this.replies.push(it);
			if (!it.ok)
				this.errors.push(it.error);
			else if (this.places.has(it.channel) && 'recovered' in it) {
				this.subscribed++;
				this.recovered = it.recovered;
				// What comes is behind the cursor we asked from, so
				// the answer matters only where we had none.
				if (this.places.get(it.channel).size === 0)
					this.moved(it.channel, parse(it.cursor));
			}
		} else if (it.gap) {
			this.gap(it);
			if (it.gap.to)
				this.moved(it.channel, parse(it.gap.to));
		} else if ('cursor' in it && 'channel' in it) {
			const by = parse(it.cursor);

			this.took(it);
			for (const channel of this.channels)
				if (matches(channel, it.channel))
					this.moved(channel, by);
		} else {
			this.others = [...this.others ?? [], it];
		}
	}

	moved(channel, by) {
		advance(this.places.get(channel), by);
		this.last = channel;
	}

	// Of the subscription that was moved last.
	get cursor() {
		return this.last ? format(this.places.get(this.last)) : this.first;
	}

	set cursor(cursor) {
		this.first = cursor; // what it was made with
	}

	isReady() {
		return this.subscribed === this.channels.length;
	}

	hangUp() {
		this.socket.terminate();
	}
}

// ---- SSE, read by the letter: WHATWG HTML 9.2.6

class Sse extends Client {
	constructor(sys, options) {
		super('SSE', sys, options);
		this.connect();
	}

	connect() {
		const headers = this.lastId ? { 'last-event-id': this.lastId } : {};

		this.get(`/v1/sse?${this.parameters({
			cursor: this.lastId ? null : this.cursor })}`, headers,
		(reply) => {
			let text = '';

			reply.setEncoding('utf8');
			this.status = reply.statusCode;
			reply.on('data', (more) => {
				text += more;
				if (this.status === 200)
					text = this.events(text);
			});
			reply.on('error', () => {});
			reply.on('close', () => {
				if (this.status !== 200)
					this.errors.push(body(text, this.status));
				this.again();
			});
			if (this.status === 200) {
				assert.match(reply.headers['content-type'],
					/^text\/event-stream/);
				this.opened++;
			}
		});
	}

	events(text) {
		const blocks = text.split('\n\n');
		const rest = blocks.pop();

		for (const block of blocks) {
			const event = { data: [], event: 'message' };

			for (const line of block.split('\n')) {
				const [, name, value = ''] =
					/^([^:]*)(?:: ?(.*))?$/.exec(line);

				if (name === 'data')
					event.data.push(value);
				else if (name !== '')
					event[name] = value;
				else
					this.comments = (this.comments ?? 0) + 1;
			}
			if (event.retry)
				this.retry = Number(event.retry);
			if (event.id !== undefined)
				this.lastId = this.cursor = event.id;
			if (event.data.length !== 0)
				this.event(event.event, JSON.parse(event.data.join('\n')));
		}
		return rest;
	}

	event(name, data) {
		if (name === 'message')
			this.took(data);
		else if (name === 'gap')
			this.gap(data);
		else
			this.errors.push({ event: name, ...data });
	}

	isReady() {
		return this.opened > this.ended;
	}
}

// ---- Long poll

class Poll extends Client {
	constructor(sys, options) {
		super('poll', sys, options);
		this.timeout = options.timeout ?? 20;
		this.connect();
	}

	connect() {
		// Without a position the first one only asks where we are.
		this.get(`/v1/poll?${this.parameters({ cursor: this.cursor,
			timeout: this.cursor ? this.timeout : 0 })}`, {}, (reply) => {
			let text = '';

			reply.setEncoding('utf8');
			reply.on('data', (more) => (text += more));
			reply.on('error', () => {});
			reply.on('close', () => this.answered(reply, text));
		});
	}

	answered(reply, text) {
		const it = reply.complete ? body(text, reply.statusCode) : {};

		if (reply.statusCode !== 200 || !it.messages) {
			this.errors.push(it);
			return this.again();
		}
		this.opened++;
		this.cursor = it.cursor;
		for (const message of it.messages)
			if (message.gap)
				this.gap(message);
			else
				this.took(message);
		this.most = Math.max(this.most ?? 0, it.messages.length);
		if (!this.closed)
			this.connect();
	}

	// With a position there is nothing to wait for.
	isReady() {
		return this.opened !== 0 || this.cursor !== null;
	}
}

function body(text, status) {
	try {
		return { status, ...JSON.parse(text) };
	} catch {
		return { status, text };
	}
}

export const ws = (sys, options) => new Ws(sys, options);
export const sse = (sys, options) => new Sse(sys, options);
export const poll = (sys, options) => new Poll(sys, options);
export const transports = { ws, sse, poll };

// One listener of each kind, connected.
export function each(sys, options) {
	return Promise.all(Object.values(transports)
		.map((listen) => listen(sys, options).ready()));
}

// All of these messages, once each, in this order, and no hole.
export function exactly(client, wanted) {
	assert.deepEqual(client.data, wanted, client.kind);
	assert.deepEqual(client.gaps, [], client.kind);
}

// The same over several channels, whose order nobody promises.
export function inAnyOrder(client, wanted) {
	assert.deepEqual([...client.data].sort(), [...wanted].sort(), client.kind);
	assert.deepEqual(client.gaps, [], client.kind);
}
