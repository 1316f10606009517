// invalid.test.js - whatever is wrong is answered, by name, and harms nobody
// else.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { exactly, poll, sse, ws } from './lib/clients.js';
import { until } from './lib/proc.js';
import { frame, raw, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const PUBLIC = '/app/public/invalid';
const PRIVATE = '/app/private/invalid';
const now = () => Math.floor(Date.now() / 1000);
let sys, witness;

before(async () => {
	if (skip)
		return;
	sys = await system();
	witness = await ws(sys, { channels: '/app/public/witness' }).ready();
});

const envelope = (more) =>
	JSON.stringify({ channel: PUBLIC, data: 1, ...more });
const bearer = (claims, how) =>
	({ authorization: `Bearer ${token(claims, how)}` });

// What is wrong with a publish: body or envelope, headers -> status, code,
// field.
const PUBLISHES = {
	'no JSON': ['{"channel": ', 400, 'bad_json'],
	'nothing': ['', 400, 'bad_json'],
	'two values': ['{} {}', 400, 'bad_json'],
	'invalid UTF-8': [Buffer.from(envelope({ data: 'é' }), 'latin1'), 400,
		'bad_json'],
	'too deep': [`{"channel": "${PUBLIC}", "data": ${'['.repeat(5000)}` +
		`${']'.repeat(5000)}}`, 400, 'bad_json'],
	'no channel': ['{"data": 1}', 400, 'missing_field', 'channel'],
	'a channel that is no text': [envelope({ channel: 7 }), 400, 'bad_field',
		'channel'],
	'a relative channel': [envelope({ channel: 'app/public/x' }), 400,
		'bad_channel', 'channel'],
	'a channel of no kind': [envelope({ channel: '/app/secret/x' }), 400,
		'bad_channel', 'channel'],
	'a pattern': [envelope({ channel: '/app/public/*' }), 400, 'bad_channel',
		'channel'],
	'a long channel': [envelope({ channel: `/app/public/${'x'.repeat(250)}` }),
		400, 'bad_channel', 'channel'],
	'nothing to say': [JSON.stringify({ channel: PUBLIC }), 400,
		'missing_field', 'data'],
	'base64 that is none': [JSON.stringify({ channel: PUBLIC,
		base64: '*' }), 400, 'bad_field', 'base64'],
	'a ttl that is no number': [envelope({ ttl: 'x' }), 400, 'bad_field', 'ttl'],
	'an odd receipt': [envelope({ receipt: 'x' }), 400, 'bad_field', 'receipt'],
	'a long id': [envelope({ id: 'x'.repeat(256) }), 400, 'bad_field', 'id'],
	'meta': [envelope({ channel: '/app/meta/x' }), 403, 'forbidden',
		'channel'],
	'another application': [envelope({ channel: '/other/public/x' }), 403,
		'forbidden', 'channel'],
	'a foreign realm': [envelope({ channel: '/incus/public/all' }), 403,
		'forbidden', 'channel'],
};

for (const [what, [body, status, code, field]] of Object.entries(PUBLISHES))
	test(`publish: ${what}`, { skip }, async () => {
		const it = await sys.post(body);

		assert.deepEqual([it.status, it.json.error?.code],
			[status, code], JSON.stringify(it.json));
		assert.equal(it.json.error.field, field, JSON.stringify(it.json));
		assert.ok(it.json.error.message.length > 3);
		assert.match(it.headers.get('content-type'), /^application\/json/);
	});

// Who may not: headers, channel -> status, code.
const STRANGERS = {
	'nobody': [{ authorization: '' }, PUBLIC, 401, 'unauthorized'],
	'a wrong secret': [{ authorization: `Basic ${btoa('key:guess')}` }, PUBLIC,
		401, 'unauthorized'],
	'an unknown key': [{ authorization: `Basic ${btoa('who:secret')}` }, PUBLIC,
		401, 'unauthorized'],
	'an odd scheme': [{ authorization: 'Digest x' }, PUBLIC, 401,
		'unauthorized'],
	'no token': [{ authorization: 'Bearer x.y.z' }, PUBLIC, 401, 'bad_token'],
	'a forged token': [bearer({ channel: '/app/**', pub: true },
		{ secret: 'guess' }), PUBLIC, 401, 'bad_token'],
	'alg none': [bearer({ channel: '/app/**', pub: true },
		{ alg: 'none' }), PUBLIC, 401, 'bad_token'],
	'an old token': [bearer({ channel: '/app/public/**', pub: true,
		exp: now() - 120 }), PUBLIC, 401, 'bad_token'],
	'a token to listen': [bearer({ channel: '/app/public/**' }), PUBLIC, 403,
		'forbidden'],
	'a token for elsewhere': [bearer({ channel: '/app/private/**', pub: true }),
		PUBLIC, 403, 'forbidden'],
};

for (const [what, [headers, channel, status, code]] of Object.entries(STRANGERS))
	test(`publish by ${what}`, { skip }, async () => {
		const it = await sys.post(envelope({ channel }), { headers });

		assert.deepEqual([it.status, it.json.error?.code], [status, code],
			JSON.stringify(it.json));
	});

test('a token that may, may', { skip }, async () => {
	const it = await sys.post(envelope(), { headers:
		bearer({ channel: '/app/public/**', pub: true }) });

	assert.equal(it.status, 200, JSON.stringify(it.json));
});

// Listening by HTTP: parameters -> status, code, field.
const REQUESTS = {
	'no channel': ['', 400, 'missing_field', 'channel'],
	'a bad channel': ['channel=/x', 400, 'bad_channel', 'channel'],
	'a wildcard in the middle': ['channel=/app/*/x', 400, 'bad_channel',
		'channel'],
	'a bad position': [`channel=${PUBLIC}&cursor=x.y`, 400, 'bad_cursor',
		'cursor'],
	'no token': [`channel=${PRIVATE}`, 401, 'unauthorized'],
	'a token that is none': [`channel=${PRIVATE}&token=x.y.z`, 401,
		'bad_token'],
	'a token for elsewhere': [`channel=${PRIVATE}&token=${
		token({ channel: '/app/private/else' })}`, 403, 'forbidden'],
	'a bad % in it': ['channel=%zz', 400, 'bad_request'],
	'a token given twice': [`channel=${PUBLIC}&token=x&token=y`, 400,
		'bad_field', 'token'],
};

for (const [what, [query, status, code, field]] of Object.entries(REQUESTS))
	for (const where of ['sse', 'poll', 'history'])
		test(`${where}: ${what}`, { skip }, async () => {
			const cursor = where === 'history' ? 'after' : 'cursor';
			const reply = await fetch(sys.url(
				`/v1/${where}?${query.replace('cursor=', `${cursor}=`)}`));
			const { error } = await reply.json();

			assert.equal(reply.status, status, JSON.stringify(error));
			assert.equal(error.code, code);
			if (field)
				assert.equal(error.field,
					field === 'cursor' ? cursor : field);
		});

test('a timeout that is no number', { skip }, async () => {
	const reply = await fetch(sys.url(
		`/v1/poll?channel=${PUBLIC}&timeout=x`));

	assert.equal(reply.status, 400);
	assert.equal((await reply.json()).error.field, 'timeout');
});

test('a private channel opens to a token, on each transport', { skip },
	async () => {
		const right = token({ channel: '/app/private/**' });

		for (const listen of [ws, sse, poll]) {
			const client = await listen(sys, { channels: PRIVATE,
				cursor: await sys.mark(PRIVATE), token: right });

			await sys.publish({ channel: PRIVATE, data: 'secret' });
			await client.got(1);
			exactly(client, ['secret']);
			client.close();
		}
	});

// Its own channel: what was said before a hub heard of it may come late there.
const BRIEF = '/app/private/brief';

test('a token that runs out ends what it allowed', { skip }, async () => {
	// 60 s of leeway for clocks that differ: this one has 2 s left, unless
	// they pass before it is shown.
	const brief = () => ws(sys, { channels: BRIEF, token: token(
		{ channel: '/app/private/**', exp: now() - 58 }) }).ready();
	const client = await until(() => brief().catch(() => false),
		{ what: 'it listens' });

	await until(() => client.others?.some((it) => it.error) ||
		client.errors.length !== 0 || client.ended, {
		what: 'it is told that the token has expired' });
	await sys.publish({ channel: BRIEF, data: 'too late' });
	await sys.publish({ channel: '/app/public/after', data: 1 });
	if (!client.ended)
		assert.ok((await client.reply({ op: 'ping' })).ok);
	assert.deepEqual(client.messages, []);
});

// Commands on a WebSocket: command -> code, field.
const COMMANDS = {
	'an unknown op': [{ op: 'dance' }, 'unknown_op', 'op'],
	'no op': [{}, 'missing_field', 'op'],
	'no channel': [{ op: 'subscribe' }, 'missing_field', 'channel'],
	'a bad channel': [{ op: 'subscribe', channel: 'x' }, 'bad_channel',
		'channel'],
	'a bad position': [{ op: 'subscribe', channel: PUBLIC, cursor: 'x' },
		'bad_cursor', 'cursor'],
	'a position that is no text': [{ op: 'subscribe', channel: PUBLIC,
		cursor: 5 }, 'bad_field', 'cursor'],
	'no token': [{ op: 'subscribe', channel: PRIVATE }, 'unauthorized',
		undefined],
	'a bad token': [{ op: 'subscribe', channel: PRIVATE, token: 'x.y.z' },
		'bad_token', 'token'],
	'not subscribed': [{ op: 'unsubscribe', channel: PUBLIC }, 'not_found',
		'channel'],
	'publish by nobody': [{ op: 'publish', channel: PUBLIC, data: 1 },
		'unauthorized', undefined],
};

test('a WebSocket answers each wrong command and stays', { skip }, async () => {
	const client = await ws(sys, { channels: [] }).ready();

	await until(() => client.opened === 1);
	for (const [what, [command, code, field]] of Object.entries(COMMANDS)) {
		const { ok, error } = await client.reply(command);

		assert.equal(ok, false, what);
		assert.equal(error.code, code, `${what}: ${JSON.stringify(error)}`);
		if (field)
			assert.equal(error.field, field, what);
	}
	client.socket.send('{"op": ');
	await until(() => client.errors.at(-1)?.code === 'bad_json');
	assert.ok((await client.reply({ op: 'ping' })).ok);
	assert.equal(client.ended, 0);
});

// What breaks RFC 6455: frame -> close code.
const FRAMES = {
	'an unmasked frame': [frame('{}', { masked: false }), 1002],
	'a reserved bit': [frame('{}', { first: 0xc1 }), 1002],
	'an unknown opcode': [frame('', { first: 0x83 }), 1002],
	'a continuation of nothing': [frame('x', { first: 0x80 }), 1002],
	'a fragmented ping': [frame('', { first: 0x09 }), 1002],
	'invalid UTF-8': [frame(Buffer.from([0xc3, 0x28])), 1007],
	'a frame of 2 GB': [Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0,
		1, 2, 3, 4]), 1009],
};

for (const [what, [bytes, code]] of Object.entries(FRAMES))
	test(`WebSocket: ${what}`, { skip }, async () => {
		const client = await raw(sys.port);

		client.write(upgrade());
		const [head] = await client.said(/^HTTP\/1\.1 101 .*?\r\n\r\n/s);

		client.write(bytes);
		const text = (await client.whole()).slice(head.length);
		const at = text.indexOf('\x88');

		assert.ok(at >= 0, 'it closes with a close frame');
		assert.equal(text.charCodeAt(at + 2) << 8 | text.charCodeAt(at + 3),
			code);
	});

// HTTP that could be read in two ways: head and body.
const POST = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\n' +
	`Authorization: Basic ${btoa('key:secret')}\r\n`;
const AFTER = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const SMUGGLED = {
	'both lengths': `${POST}Content-Length: 5\r\n` +
		'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'two lengths': `${POST}Content-Length: 0\r\nContent-Length: 5\r\n\r\n`,
	'a list of lengths': `${POST}Content-Length: 0, 5\r\n\r\n`,
	'a length with a sign': `${POST}Content-Length: +0\r\n\r\n`,
	'a length in hex': `${POST}Content-Length: 0x0\r\n\r\n`,
	'an unknown coding': `${POST}Transfer-Encoding: xchunked\r\n\r\n`,
	'chunked twice': `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n` +
		'0\r\n\r\n',
	'a folded line': `${POST}X: a\r\n b: c\r\n\r\n`,
	'a bare LF': 'GET /healthz HTTP/1.1\nHost: x\n\n',
	'a bare CR': `${POST}X: a\rContent-Length: 0\r\n\r\n`,
	'a space before the colon': `${POST}Content-Length : 0\r\n\r\n`,
	'a NUL': `${POST}X: a\0b\r\n\r\n`,
	'no host': 'GET /healthz HTTP/1.1\r\n\r\n',
	'two hosts': 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
	'a bad chunk size': `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n`,
	'a chunk without its end': `${POST}Transfer-Encoding: chunked\r\n\r\n` +
		'1\r\nab\r\n0\r\n\r\n',
	'HTTP/2 over nothing': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
	'an odd method': 'GE(T /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
};

for (const [what, bytes] of Object.entries(SMUGGLED))
	test(`HTTP: ${what}`, { skip }, async () => {
		const client = await raw(sys.port);

		client.write(bytes + AFTER);
		const text = await client.whole();

		assert.equal(client.statuses.length, 1, text);
		assert.ok([400, 501, 505].includes(client.statuses[0]), text);
		assert.match(text, /\r\nconnection: close\r\n/i);
		assert.match(text, /"error"/);
	});

test('a head of 100 kB', { skip }, async () => {
	const client = await raw(sys.port);

	client.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100000)}`);
	await client.whole();
	assert.deepEqual(client.statuses, [431]);
});

test('a body past the limit, announced or not', { skip }, async () => {
	const size = 2 << 20;
	const it = await sys.post(envelope({ data: 'x'.repeat(size) }));

	assert.deepEqual([it.status, it.json.error.code], [413, 'too_large']);
	const client = await raw(sys.port);

	client.write(`${POST}Authorization: Basic ${btoa('key:secret')}\r\n` +
		`Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`);
	client.write('x'.repeat(size));
	await client.said(/"too_large"/);
	assert.deepEqual(client.statuses, [413]);
	client.close();
});

test('announced too large is refused before it is sent', { skip }, async () => {
	const client = await raw(sys.port);

	client.write(`${POST}Authorization: Basic ${btoa('key:secret')}\r\n` +
		'Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n');
	await client.said(/"too_large"/);
	assert.deepEqual(client.statuses, [413]);
	client.close();
});

test('Expect: 100-continue is told to go on', { skip }, async () => {
	const client = await raw(sys.port);
	const body = envelope();

	client.write(`${POST}Authorization: Basic ${btoa('key:secret')}\r\n` +
		`Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
	await client.said(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/);
	client.write(body);
	await client.said(/"cursor"/);
	assert.deepEqual(client.statuses, [100, 200]);
	client.close();
});

test('unknown paths and methods', { skip }, async () => {
	for (const [method, where, status, code] of [
		['GET', '/v1/nothing', 404, 'not_found'],
		['GET', '/nothing', 404, 'not_found'],
		['GET', '/v1/echo', 404, 'not_found'], // off: it goes to no hub and back
		['GET', '/v1/publish', 405, 'method_not_allowed'],
		['POST', '/v1/history', 405, 'method_not_allowed'],
		['DELETE', '/v1/sse', 405, 'method_not_allowed']]) {
		const reply = await sys.request(where, { method });
		const { error } = await reply.json();

		assert.deepEqual([reply.status, error.code], [status, code],
			`${method} ${where}`);
		assert.equal(reply.headers.has('allow'), status === 405);
	}
});

test('pipelined requests are answered in their order', { skip }, async () => {
	const client = await raw(sys.port);
	const body = envelope({ id: 'piped' });
	const post = `${POST}Authorization: Basic ${btoa('key:secret')}\r\n` +
		`Content-Length: ${body.length}\r\n\r\n${body}`;

	client.write(post + AFTER + post + 'GET /v1/nothing HTTP/1.1\r\n' +
		`Host: x\r\n\r\n${AFTER.replace('\r\n\r\n',
			'\r\nConnection: close\r\n\r\n')}`);
	await client.whole();
	assert.deepEqual(client.statuses, [200, 200, 200, 404, 200]);
});

test('one connection changes sides and back', { skip }, async () => {
	const client = await raw(sys.port);
	const ask = (where) => client.write(
		`GET ${where} HTTP/1.1\r\nHost: x\r\n\r\n`);

	for (let n = 0; n < 3; n++) {
		ask('/healthz');
		ask(`/v1/poll?channel=${PUBLIC}&timeout=0`);
		ask('/v1/nothing');
	}
	await until(() => client.statuses.length === 9,
		{ what: 'nine answers' });
	assert.deepEqual(client.statuses,
		[200, 200, 404, 200, 200, 404, 200, 200, 404]);
	client.close();
});

test('whatever went on, who did nothing wrong was served', { skip }, async () => {
	await sys.publish({ channel: '/app/public/witness', data: 'still here' });
	await witness.got(1);
	exactly(witness, ['still here']);
	assert.equal(witness.opened, 1);
	assert.doesNotMatch(sys.out, /again in|killed by/);
});
