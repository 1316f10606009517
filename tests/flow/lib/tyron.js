// tyron.js - small clients of Tyron, byte by byte, and what they should read.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { until } from './proc.js';
import { raw } from './raw.js';

export const TEXT = 'text/plain; charset=UTF-8';
export const HTML = 'text/html; charset=UTF-8';
export const JSON_TYPE = 'application/json; charset=UTF-8';
export const etag = (body) =>
	`"${createHash('sha1').update(body).digest('hex')}"`;
const DATE = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/;

// The answers in the bytes so far: { status, names, headers, bytes, body }.
export function answers(text) {
	const found = [];

	while (text.includes('\r\n\r\n')) {
		const [first, ...lines] =
			text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
		const headers = Object.fromEntries(lines.map((line) =>
			[line.slice(0, line.indexOf(':')),
				line.slice(line.indexOf(':') + 2)]));
		const begin = text.indexOf('\r\n\r\n') + 4;
		const end = begin + Number(headers['Content-Length'] ?? 0);

		if (text.length < end)
			break;
		const bytes = text.slice(begin, end);

		found.push({ status: first, names: Object.keys(headers), headers,
			bytes, body: Buffer.from(bytes, 'latin1').toString('utf8') });
		text = text.slice(end);
	}
	return found;
}

class Poller {
	constructor(connection) {
		this.connection = connection;
		this.asked = 0;
	}

	// Ask, without waiting for an answer.
	ask(path, { method = 'GET', headers = '', body = '', version = '1.1' } = {}) {
		this.asked++;
		this.connection.write(`${method} ${path} HTTP/${version}\r\n` +
			`Host: x\r\n${headers}${body && `Content-Length: ${
				Buffer.byteLength(body)}\r\n`}\r\n${body}`);
		return this;
	}

	get answers() {
		return answers(this.connection.text);
	}

	// The answer to the n-th question, of all the last; undefined when they
	// hang up instead.
	async answer(n = this.asked) {
		await until(() => this.answers.length >= n || this.connection.ended,
			{ what: `an answer, but only ${this.connection.text}` });
		return this.answers[n - 1];
	}

	// Ask and hear.
	get(path, options) {
		return this.ask(path, options).answer();
	}

	close() {
		this.connection.close();
	}
}

export async function poller(port) {
	return new Poller(await raw(port));
}

// As soon as so many polls wait, and the store knows.
export function waiting(sys, n) {
	return until(async () => await sys.sum('posthorn_subscriptions') === n,
		{ ms: 30000, what: `${n} polls wait` });
}

// Status line, header names in their order, body.
export function reads(got, { body = '', type = TEXT, tagged = true, more = [] } = {}) {
	assert.equal(got.status, 'HTTP/1.1 200 OK');
	assert.deepEqual(got.names, [...more, 'Date', 'Content-Length',
		...(tagged ? ['Etag'] : []), 'Content-Type', 'Server']);
	assert.match(got.headers.Date, DATE);
	assert.equal(got.headers['Content-Length'], `${Buffer.byteLength(body)}`);
	assert.equal(got.headers['Content-Type'], type);
	assert.equal(got.headers.Server, 'TornadoServer/3.2');
	if (tagged)
		assert.equal(got.headers.Etag, etag(body));
	assert.equal(got.body, body);
}

// An error, with its page.
export function fails(got, status, what, { allow } = {}) {
	assert.equal(got.status, `HTTP/1.1 ${status} ${what}`);
	assert.deepEqual(got.names, ['Date', 'Content-Length', 'Content-Type',
		...(allow ? ['Allow'] : []), 'Server']);
	assert.equal(got.headers['Content-Type'], HTML);
	assert.equal(got.headers.Allow, allow);
	assert.equal(got.body, `<html><title>${status}: ${what}</title>` +
		`<body>${status}: ${what}</body></html>`);
}
