// bayeux.js - a Bayeux client by hand: single requests and frames, and what
// came of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import WebSocket from 'ws';
import { until } from './proc.js';

export const TYPES = ['long-polling', 'cross-origin-long-polling',
	'callback-polling', 'websocket', 'eventsource', 'in-process'];
const LATE = 20000; // ms

// One request, with whatever connection; { status, headers, text, rows }.
export async function ask(port, { path = '/push', method = 'POST', body,
	headers = {}, agent } = {}) {
	const request = http.request({ port, host: '127.0.0.1', path, method,
		headers, agent, signal: AbortSignal.timeout(LATE) });

	request.end(body);
	const [reply] = await once(request, 'response');
	let text = '';

	reply.setEncoding('utf8');
	for await (const part of reply)
		text += part;
	return { status: reply.statusCode, headers: reply.headers,
		raw: reply.rawHeaders, text };
}

// Messages by POST; the array that is answered.
export async function post(port, messages, options = {}) {
	const reply = await ask(port, { body: JSON.stringify(messages),
		headers: { 'content-type': 'application/json' }, ...options });

	assert.equal(reply.status, 200, reply.text);
	return JSON.parse(reply.text);
}

export async function handshake(port, options) {
	const [reply] = await post(port, { channel: '/meta/handshake',
		version: '1.0', supportedConnectionTypes: ['long-polling'] }, options);

	assert.ok(reply.successful, JSON.stringify(reply));
	return reply.clientId;
}

export const connect = (clientId, more = {}) => ({ channel: '/meta/connect',
	clientId, connectionType: 'long-polling', ...more });
export const subscribe = (clientId, subscription, more = {}) => ({
	channel: '/meta/subscribe', clientId, subscription, ...more });

export async function subscribed(port, clientId, channel, more) {
	const [reply] = await post(port, subscribe(clientId, channel, more));

	assert.ok(reply.successful, JSON.stringify(reply));
	return reply;
}

// Those messages that are events, not answers.
export const events = (messages) =>
	messages.filter((it) => it.successful === undefined);

// A WebSocket that keeps all it hears.
export class Socket {
	constructor(port, { path = '/push', headers } = {}) {
		this.frames = []; // arrays
		this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers,
			perMessageDeflate: false });
		this.ws.on('message', (text) => this.frames.push(JSON.parse(text)));
		this.ws.on('close', (code) => (this.code = code));
		this.ws.on('error', () => {});
	}

	async open() {
		await once(this.ws, 'open');
		return this;
	}

	say(...messages) {
		this.ws.send(JSON.stringify(messages));
		return this;
	}

	get messages() {
		return this.frames.flat();
	}

	// The first message that will do, which is not heard again.
	async heard(wanted, what = `${wanted}`) {
		let found;

		await until(() => (found = this.messages.find(wanted)),
			{ what: `${what}; heard ${JSON.stringify(this.frames)}` });
		this.frames = this.frames.map((all) =>
			all.filter((it) => it !== found)).filter((all) => all.length);
		return found;
	}

	// Say it, and what is answered.
	async ask(message) {
		const id = `q${(this.asked = (this.asked ?? 0) + 1)}`;

		this.say({ ...message, id });
		return this.heard((it) => it.id === id && it.successful !== undefined,
			`the answer to ${JSON.stringify(message)}`);
	}

	// Until they close it; the code.
	async closed() {
		await until(() => this.code !== undefined, { what: 'it is closed' });
		return this.code;
	}

	close() {
		this.ws.terminate();
	}
}

export const socket = (port, options) => new Socket(port, options).open();
