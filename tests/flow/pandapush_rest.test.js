// pandapush_rest.test.js - what Pandapush answers over HTTP besides Bayeux:
// every row of its table of publishing, its health, its pages and clients.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { freePort } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const FORM = 'application/x-www-form-urlencoded';
const PLACE = '/app/private/x';
const MAX = 102400;
const [ID, SECRET] = KEY.split(':');
const basic = (text) => ({ authorization: `Basic ${btoa(text)}` });
const GOOD = basic(KEY);
let sys, bound; // the second port is Pandapush's alone

before(async () => {
	if (skip)
		return;
	bound = await freePort();
	sys = await system({
		listen: `127.0.0.1:PORT 127.0.0.1:${bound}=pandapush` });
});

after(() => sys?.stop());

// { status, type, headers, text }, with nothing shown but what is given.
async function ask(where, { port = sys.port, ...options } = {}) {
	const reply = await fetch(`http://127.0.0.1:${port}${where}`,
		{ signal: AbortSignal.timeout(20000), ...options });

	return { status: reply.status, type: reply.headers.get('content-type'),
		headers: reply.headers, text: await reply.text() };
}

const post = (channel, body, { headers = {}, type = 'application/json',
	...options } = {}) => ask(`/channel${channel}`, { method: 'POST', body,
	headers: { ...type && { 'content-type': type }, ...headers }, ...options });

async function refused(reply, message) {
	const { status, type, text } = await reply;

	assert.deepEqual([status, type], [400, JSON_TYPE], text);
	assert.deepEqual(JSON.parse(text), { code: null, params: [], message });
}

// What a native listener is told that was published there meanwhile.
async function heard(channel, story) {
	const at = await sys.position(channel);

	await story();
	const { messages } = await sys.json(`/v1/poll?timeout=5000&channel=${
		encodeURIComponent(channel)}&cursor=${at}`);

	return messages.map(({ data }) => data);
}

const published = (channel, body, options) => heard(channel, async () => {
	const { status, type, text } = await post(channel, body,
		{ headers: GOOD, ...options });

	assert.deepEqual([status, type, text], [200, HTML, 'OK']);
});

test('an object is published as it came, and answered OK', { skip },
	async () => {
		const body = '{"n":1.50,"text":"h\\u00e9","deep":{"__auth":1}}';
		const at = await sys.position(PLACE);

		assert.equal((await post(PLACE, body, { headers: GOOD })).text, 'OK');
		const reply = await sys.request(
			`/v1/poll?timeout=5000&channel=${PLACE}&cursor=${at}`);

		assert.ok((await reply.text()).includes(`"data":${body}`));
	});

test('a member __auth on top is swallowed', { skip }, async () => {
	for (const [body, data] of [
		['{"a":1,"__auth":{"key":"x"}}', { a: 1 }],
		['{"__auth":{"x":[1,{}]} , "a" : "}," , "b":{}}',
			{ a: '},', b: {} }],
		['{"__auth":1}', {}],
		['{"\\u005f_auth":1,"__auth":[],"a":null}', { a: null }],
		['{"a":"__auth","b":{"__auth":1}}',
			{ a: '__auth', b: { __auth: 1 } }],
	])
		assert.deepEqual(await published(PLACE, body), [data], body);
});

test('a form is an object of its fields', { skip }, async () => {
	for (const [body, data] of [
		['foo=bar', { foo: 'bar' }],
		['a=1&b=%7B%22x%22+%3A%0A2&c&d=', { a: '1', b: '{"x" :\n2', c: '',
			d: '' }],
		['a=1&b=2&a=%33', { a: ['1', '3'], b: '2' }],
		['l[]=1&l[]=2', { l: ['1', '2'] }],
		['l%5B%5D=1', { l: ['1'] }],
		['__auth=1&a=100%', { a: '100%' }],
		['', {}],
	])
		assert.deepEqual(await published(PLACE, body, { type: FORM }), [data],
			body);
	assert.equal((await post(PLACE, 'a=1&'.repeat(257),
		{ headers: GOOD, type: FORM })).status, 413);
});

test('a body of another type, or none, is an empty object', { skip },
	async () => {
		for (const [body, type] of [['{"a":1}', 'text/plain'],
			[undefined, undefined], ['', 'application/json'],
			['<a/>', 'text/xml']])
			assert.deepEqual(await published(PLACE, body, { type }), [{}]);
	});

test('who shows nothing, or by a scheme of another name, is unauthorized',
	{ skip }, async () => {
		for (const headers of [{}, { authorization: 'Bearer x' },
			{ authorization: 'Basic ' }, { authorization: 'Token' },
			{ authorization: 'basic x' }, { authorization: 'token x' }]) {
			const { status, type, text } = await post(PLACE, '{}', { headers });

			assert.deepEqual([status, type, text], [403, HTML, 'Unauthorized']);
		}
	});

test('a key is shown as Basic, a token as Token or in the query', { skip },
	async () => {
		const good = token({ keyId: ID, channel: PLACE, pub: true },
			{ kid: '' });

		for (const [headers, query] of [[GOOD, ''],
			[{ authorization: `Token ${good}` }, ''],
			[{}, `?token=${good}`], [{}, `?a=b&token=${good}&c`],
			[GOOD, '?token='],
			[{ authorization: 'Basic nonsense' }, `?token=${good}`]]) {
			const { status, text } = await post(`${PLACE}${query}`, '{}',
				{ headers });

			assert.deepEqual([status, text], [200, 'OK']);
		}
	});

test('what is refused says why, in the words of Pandapush', { skip },
	async () => {
		const by = (claims, options) => post(PLACE, '{}', { headers: {
			authorization: `Token ${token(claims,
				{ kid: '', ...options })}` } });
		const keyId = ID;
		const now = Math.floor(Date.now() / 1000);

		await refused(post(PLACE, '{}', { headers: basic(`${ID}:wrong`) }),
			'Invalid secret');
		await refused(post(PLACE, '{}', { headers: basic(ID) }),
			'Invalid secret');
		await refused(post(PLACE, '{}', { headers: basic(`x:${SECRET}`) }),
			'Could not find key');
		await refused(post(PLACE, '{}', { headers:
			{ authorization: 'Basic *' } }), 'Could not find key');
		await refused(post('/nobodys/public/x', '{}', { headers: GOOD }),
			'Could not find key');
		await refused(post(PLACE, '{}', { headers:
			{ authorization: 'Token x' } }), 'Invalid token');
		await refused(post(`${PLACE}?token=x`, '{}', { headers: GOOD }),
			'Invalid token');
		await refused(by({}), 'Invalid token');
		await refused(by({ keyId: 'x' }), 'Could not find key');
		await refused(by({ keyId, channel: PLACE, pub: true },
			{ secret: 'x' }), 'Invalid token provided');
		await refused(by({ keyId, channel: PLACE, pub: true, exp: now - 1 }),
			'Invalid token provided');
		await refused(by({ keyId, channel: PLACE, pub: true, nbf: now + 60 }),
			'Invalid token provided');
		await refused(by({ keyId, channel: `${PLACE}y`, pub: true }),
			'Token does not match channel');
		await refused(by({ keyId, channel: PLACE, sub: true }),
			'Token does not allow publishing');
		await refused(by({ keyId, channel: PLACE, pub: 'true' }),
			'Token does not allow publishing');
		await refused(post(`/app/public/${'x/'.repeat(14)}x`, '{}',
			{ headers: GOOD }), 'Invalid channel name');
		await refused(post(PLACE, '[1]', { headers: GOOD }),
			'No auth supplied');
	});

test('what is no object is a bad request, what is too long too large',
	{ skip }, async () => {
		for (const body of ['1', '"a"', 'null', '{', '{"a":}', '{}{}']) {
			const { status, type, text } = await post(PLACE, body,
				{ headers: GOOD });

			assert.deepEqual([status, type], [400, HTML], body);
			assert.match(text, /<pre>Bad Request<\/pre>/);
		}
		const long = (n) => JSON.stringify({ a: 'x'.repeat(n - 8) });

		assert.equal(long(MAX).length, MAX);
		assert.equal((await post(PLACE, long(MAX), { headers: GOOD })).text,
			'OK');
		const { status, text } = await post(PLACE, long(MAX + 1),
			{ headers: GOOD });

		assert.equal(status, 413);
		assert.match(text, /<pre>Payload Too Large<\/pre>/);
		const chunked = new ReadableStream({ start(c) {
			c.enqueue(new TextEncoder().encode(long(MAX + 1)));
			c.close();
		} });

		assert.equal((await post(PLACE, chunked,
			{ headers: GOOD, duplex: 'half' })).status, 413);
	});

test('other paths and methods are not there', { skip }, async () => {
	for (const [method, where] of [['POST', '/channel/app/presence/x'],
		['POST', '/channel/app/meta/x'], ['POST', '/channel/app/private'],
		['POST', '/channel/app/private/'], ['POST', '/channel/app/private/x/'],
		['POST', '/channel/app/private/a.b'], ['POST', '/channel/a-b/private/x'],
		['POST', '/channel/app/private/%41'], ['POST', '/channel/'],
		['GET', '/channel/app/private/x'], ['PUT', '/channel/app/private/x'],
		['OPTIONS', '/channel/app/meta/x'], ['POST', '/client.js'],
		['DELETE', '/health_check.json'], ['GET', '/channel/&\'x']]) {
		const { status, type, text, headers } = await ask(where,
			{ method, headers: GOOD });

		assert.deepEqual([status, type], [404, HTML], `${method} ${where}`);
		assert.equal(headers.get('content-security-policy'),
			'default-src \'none\'');
		assert.ok(text.includes(`<pre>Cannot ${method} ${where
			.replace('&', '&amp;').replace('\'', '&#39;')}</pre>`), text);
	}
});

test('pages of other origins may publish', { skip }, async () => {
	const origin = 'http://elsewhere.example';
	const asked = await ask(`/channel${PLACE}`, { method: 'OPTIONS',
		headers: { origin, 'access-control-request-method': 'POST' } });

	assert.deepEqual([asked.status, asked.text], [200, 'POST']);
	assert.equal(asked.headers.get('allow'), 'POST');
	assert.equal(asked.headers.get('access-control-allow-methods'), 'POST');
	assert.match(asked.headers.get('access-control-allow-headers'),
		/Authorization, Content-Type/);
	for (const reply of [asked, await post(PLACE, '{}',
		{ headers: { origin, ...GOOD } })])
		assert.equal(reply.headers.get('access-control-allow-origin'), '*');
	const plain = await ask(`/channel${PLACE}`, { method: 'OPTIONS' });

	assert.deepEqual([plain.status, plain.text], [200, 'POST']);
});

test('its health has its three fields', { skip }, async () => {
	const { status, type, text } = await ask('/health_check.json');

	assert.deepEqual([status, type], [200, JSON_TYPE]);
	assert.deepEqual(Object.keys(JSON.parse(text)),
		['version', 'rev', 'built']);
	assert.equal(JSON.parse(text).version, '2.2.0');
});

for (const where of ['/client.js', '/push.js', '/push/client.js',
	'/push/faye-browser.js', '/push/faye-browser-min.js'])
	test(`${where} is a client, and fetched again only when it is another`,
		{ skip }, async () => {
			const { status, type, headers, text } = await ask(where);
			const etag = createHash('sha1').update(text).digest('hex');
			const date = headers.get('last-modified');

			assert.deepEqual([status, type], [200, SCRIPT]);
			assert.equal(headers.get('etag'), etag);
			assert.equal(Number(headers.get('content-length')),
				Buffer.byteLength(text));
			assert.match(date, /^\w{3}, .* GMT$/);
			for (const [name, value, expected] of [
				['if-none-match', etag, 304],
				['if-none-match', `"${etag}"`, 304],
				['if-none-match', 'x', 200], ['if-modified-since', date, 304],
				['if-modified-since', 'Thu, 01 Jan 1970 00:00:00 GMT', 200]]) {
				const again = await ask(where, { headers: { [name]: value } });

				assert.equal(again.status, expected, `${name}: ${value}`);
				assert.equal(again.text, expected === 200 ? text : '');
			}
			assert.equal(text.includes('subscribeTo'), where === '/client.js');
		});

test('of other scripts below /push there are none', { skip }, async () => {
	for (const where of ['/push.js.map', '/push/client.js.map', '/push/x.js',
		'/push/a/b.js']) {
		for (const method of ['GET', 'POST']) {
			const { status, text } = await ask(where, { method });

			assert.deepEqual([status, text], [404, ''], where);
		}
	}
	assert.equal((await ask('/push.js', { method: 'PUT' })).status, 200);
	assert.match((await ask('/client.d.ts')).text, /subscribeTo/);
});

test('a port of its own has its empty page, and its way to say 404', { skip },
	async () => {
		const home = await ask('/', { port: bound });

		assert.deepEqual([home.status, home.type, home.text], [200, HTML, '']);
		for (const where of ['/nothing', '/v1/publish', '/lp']) {
			const { status, text } = await ask(where, { port: bound });

			assert.equal(status, 404);
			assert.ok(text.includes(`<pre>Cannot GET ${where}</pre>`));
		}
		assert.equal((await post(PLACE, '{}', { port: bound, headers: GOOD }))
			.text, 'OK');
	});

test('a store that does not answer is told, and OK never is', { skip },
	async () => {
		const away = await system({ stages: ['store', 'hub', 'ingress'],
			env: { POSTHORN_ANSWER_TIMEOUT: '500ms' } });

		try {
			away.signal('store.1', 'SIGSTOP');
			const reply = await away.request(`/channel${PLACE}`,
				{ method: 'POST', body: '{}' });

			assert.equal(reply.status, 504);
			assert.equal((await reply.json()).error.code, 'timeout');
		} finally {
			away.signal('store.1', 'SIGCONT');
			await away.stop();
		}
	});

test('what was answered OK is kept, whichever stage dies meanwhile', { skip },
	async () => {
		const own = await system({
			env: { POSTHORN_STORE_HISTORY: '/**=10000,1h,64m' } });
		const place = '/app/private/kept';
		const ok = [], kills = ['store.1', 'ingress.1', 'hub.1', 'store.1'];
		let dying;

		try {
			for (let n = 0; n < 400; n++) {
				if (n % 100 === 50) {
					await dying; // of the one before
					dying = own.kill(kills[(n - 50) / 100]);
				}
				const reply = await own.request(`/channel${place}`, {
					method: 'POST', body: JSON.stringify({ n }),
					headers: { 'content-type': 'application/json' } })
					.catch(() => null);

				if (reply?.status === 200 && await reply.text() === 'OK')
					ok.push(n);
			}
			await dying;
			await own.readyz();
			const { messages } = await own.json(
				`/v1/history?limit=1000&channel=${place}`);
			const kept = messages.map(({ data }) => data.n);

			assert.ok(ok.length >= 100, `${ok.length} were accepted`);
			assert.deepEqual(ok.filter((n) => !kept.includes(n)), []);
			assert.deepEqual(kept, [...new Set(kept)].sort((a, b) => a - b));
		} finally {
			await own.stop();
		}
	});
