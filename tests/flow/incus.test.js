// incus.test.js - Incus' clients, by the bytes: items of the list that whoever
// takes the place of Incus must meet.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { authenticate, message, poll, presence, setpage, socket }
	from './lib/incus_client.js';
import { freePort, until } from './lib/proc.js';
import { frame, raw, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const skip = missing('store', 'hub', 'ingress');
const now = () => Math.floor(Date.now() / 1000);
let sys;

before(async () => {
	if (!skip)
		sys = await system({ formation: 'hub=3' });
});
after(() => sys?.stop());

const request = async (text, it = null) => {
	it ??= await raw(sys.port);

	it.write(text);
	const [all] = await it.said(/^[^]*?\r\n\r\n[^]*$/);
	const [, n] = /content-length: (\d+)/i.exec(all) ?? [0, 0];

	await until(() => it.text.length >= all.indexOf('\r\n\r\n') + 4 + Number(n));
	it.close();
	return it.text;
};

// By whatever connections it makes.
async function checkPaths(request) {
	assert.match(await request('GET /ping HTTP/1.1\r\nHost: x\r\n\r\n'),
		/^HTTP\/1\.1 200 OK\r\n[^]*text\/plain; charset=utf-8[^]*\r\n\r\nOK$/);
	assert.match(await request('POST /socket HTTP/1.1\r\nHost: x\r\n' +
		'Content-Length: 2\r\n\r\n{}'),
	/^HTTP\/1\.1 405 [^]*nosniff[^]*\r\n\r\nMethod not allowed\n$/);
	assert.match(await request('GET /socket HTTP/1.1\r\nHost: x\r\n\r\n'),
		/^HTTP\/1\.1 400 [^]*nosniff[^]*\r\n\r\nNot a websocket handshake\n$/);
	assert.match(await request('GET //socket?a=b HTTP/1.1\r\nHost: x\r\n\r\n'),
		/^HTTP\/1\.1 301 [^]*Location: \/socket\?a=b\r\n/);
	// A page of another origin may follow it.
	assert.match(await request('GET //lp?user=a HTTP/1.1\r\nHost: x\r\n\r\n'),
		/Allow-Origin: \*\r\nLocation: \/lp\?user=a\r\n/);
	assert.match(await request('GET /lp/ HTTP/1.1\r\nHost: x\r\n\r\n'),
		/^HTTP\/1\.1 404 /);
}

test('I1: ping, what is unknown, and what is no handshake', { skip },
	() => checkPaths(request));

test('I1: the same on a port with TLS, and on one that is Incus\' alone',
	{ skip }, async () => {
		const own = await freePort();
		const safe = await system({ secure: true, env: certificate(),
			listen: `127.0.0.1:PORT+tls 127.0.0.1:${own}=incus+tls` });

		await safe.readyz();
		await checkPaths(async (text) =>
			request(text, await raw(safe.port, { secure: true })));
		for (const port of [safe.port, own]) {
			const it = await socket(port, { user: 'tls', page: 'p',
				secure: true });
			const ear = await poll(port, { user: 'tls' },
				{ it: await raw(port, { secure: true }) });

			await until(async () => await safe.sum('incus_polls') === 1,
				{ what: 'the poll waits' });
			it.say(message({ user: 'tls' }, 'by TLS'));
			await it.heard('by TLS');
			assert.match((await ear.answered()).body, /"by TLS"/);
			ear.close();
			it.close();
			await until(async () => await safe.sum('incus_polls') === 0);
		}
		assert.match(await request('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
			await raw(own, { secure: true })),
		/^HTTP\/1\.1 404 [^]*nosniff[^]*\r\n\r\n404 page not found\n$/);
		await safe.stop();
	});

test('I2: a handshake from any origin, with the first frame behind it',
	{ skip }, async () => {
		const it = await socket(sys.port, { first: authenticate('i2'),
			headers: 'Origin: http://far.example\r\n' +
				'Sec-WebSocket-Protocol: one, two\r\n' });
		const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
		const accept = createHash('sha1').update(
			`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

		assert.deepEqual(it.head.split('\r\n').slice(1, -2)
			.map((line) => line.split(':')[0]),
		['Upgrade', 'Connection', 'Sec-WebSocket-Accept']);
		await it.read();
		await sys.publish({ channel: '/app/public/x', data: 1 });
		it.say(message({ user: 'i2' }, 'self'));
		await it.heard('self');
		const bytes = await raw(sys.port);

		bytes.write(upgrade('', '/socket')
			.replace(/Key: .*/, `Key: ${key}`));
		await bytes.said(/\r\n\r\n/);
		assert.equal(bytes.text, 'HTTP/1.1 101 Switching Protocols\r\n' +
			'Upgrade: websocket\r\nConnection: Upgrade\r\n' +
			`Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
		bytes.close();
		it.close();
	});

test('I3: authenticate in any letters is not answered, and is enough',
	{ skip }, async () => {
		const it = await socket(sys.port);

		it.say('{"command":{"command":"AUTHENTICATE","user":"i3"}}');
		await it.read();
		assert.equal(it.frames.length, 1); // the pong
		it.say(message({ user: 'i3' }, 'here'));
		await it.heard('here');
		it.close();
	});

test('I4: each bad first frame closes with 1011', { skip }, async () => {
	for (const first of ['', 'x', '{}', 'null', '[]', setpage('p'),
		'{"command":{"command":"authenticate"}}', authenticate(''),
		authenticate(null), authenticate(['a']), authenticate(true)]) {
		const it = await socket(sys.port, { first });

		assert.deepEqual(await it.bye(), [1011, ''], first);
		assert.equal(it.frames.length, 1);
	}
	const number = await socket(sys.port, { first: authenticate(4) });

	number.say(message({ user: '4' }, 'number'));
	await number.heard('number');
	number.close();
});

test('I5: what is no envelope closes with 1000, what is no command stays',
	{ skip }, async () => {
		for (const bad of ['', '{', '[]', '7',
			'{"command":{"command":"setpage","page":7}}',
			'{"command":{"command":"message"},"message":"text"}']) {
			const it = await socket(sys.port, { user: 'i5' });

			it.say(bad);
			assert.deepEqual(await it.bye(), [1000, ''], bad);
		}
		const it = await socket(sys.port, { user: 'i5' });

		for (const odd of ['{}', 'null', '{"command":{"command":"x"}}',
			'{"command":{"command":"push","push_type":"ios"}}'])
			it.say(odd);
		await it.read();
		assert.equal(it.ended, false);
		it.close();
	});

test('I6: binary, fragments, garbage behind, upper-case names', { skip },
	async () => {
		const it = await socket(sys.port);
		const text = Buffer.from('{"COMMAND":{"command":"authenticate",' +
			'"user":"i6"}} and more');

		it.say(text.subarray(0, 9), { first: 0x02 });
		it.say('in between', { first: 0x89 });
		it.say(text.subarray(9, 20), { first: 0x00 });
		it.say(text.subarray(20), { first: 0x80 });
		it.say('{"Command":{"command":"Message","user":"i6"},' +
			'"MESSAGE":{"event":"six","data":{}}}{"x"', { first: 0x82 });
		await it.heard('six');
		// What JSON.stringify makes of a text that was cut within an emoji.
		it.say(message({ user: 'i6' }, 'half', { t: '\ud83d' }));
		await it.heard('half');
		assert.deepEqual(it.messages.at(-1).data, { t: '\ufffd' });
		assert.equal(it.frames[0].text, 'in between');
		it.close();
	});

test('I7: violations close with 1002, pings come, a close is answered',
	{ skip }, async () => {
		for (const [bytes, reason] of [
			[frame('x', { masked: false }), 'incorrect mask flag'],
			[frame('x', { first: 0xf1 }), 'unexpected reserved bits 7'],
			[frame('x', { first: 0x83 }), 'unknown opcode 3'],
			[frame('x', { first: 0x80 }),
				'continuation after final message frame'],
			[frame('x', { first: 0x09 }), 'control frame not final']]) {
			const it = await socket(sys.port, { user: 'i7' });

			it.write(bytes);
			assert.deepEqual(await it.bye(), [1002, reason]);
		}
		const it = await socket(sys.port, { user: 'i7' });

		it.say(Buffer.from('\x0f\xa0bye', 'latin1'), { first: 0x88 });
		assert.deepEqual(await it.bye(), []);
		const quick = await system({ env: {
			POSTHORN_HUB_INCUS_PING: '100ms' } });
		const idle = await socket(quick.port, { user: 'i7' });

		await until(() => idle.frames.filter(({ first, payload }) =>
			first === 0x89 && payload.length === 0).length >= 3,
		{ what: 'three empty pings' });
		assert.equal(idle.ended, false);
		idle.close();
		await quick.stop();
	});

test('I8: event, data, time in that order, and a line end', { skip },
	async () => {
		const it = await socket(sys.port, { user: 'i8' });
		const from = now();

		it.say('{"command":{"command":"message","user":"i8"},"message":' +
			'{"time":5,"x":1,"data":{"b":[1.50,{"z":null}],"a":1e400,' +
			'"internal_url":"/u"},"event":"ev\\u0041"}}');
		await until(() => it.texts.length === 1, { what: 'the message' });
		const [text] = it.texts;
		const match = new RegExp('^\\{"event":"ev\\\\u0041","data":' +
			'\\{"b":\\[1\\.50,\\{"z":null\\}\\],"a":1e400,' +
			'"internal_url":"/u"\\},"time":(\\d+),' +
			'"internal_url":"/u"\\}\\n$').exec(text);

		assert.ok(match, text);
		assert.ok(from <= Number(match[1]) && Number(match[1]) <= now());
		it.close();
	});

// Each of these is on a hub of its own, maybe: the door spreads them.
test('I14: all, user, page, user and page', { skip }, async () => {
	const [a1, a2, b, c] = await Promise.all([
		socket(sys.port, { user: 'a', page: 'p' }),
		socket(sys.port, { user: 'a', page: 'q' }),
		socket(sys.port, { user: 'b', page: 'p' }),
		socket(sys.port, { user: 'c' })]);
	const everyone = [a1, a2, b, c];
	const hubs = new Set(sys.holders(everyone.map((it) =>
		it.socket.localPort)));

	assert.ok(hubs.size > 1, `on ${[...hubs]}`);
	for (const [to, event, who] of [
		[{ user: 'a' }, 'user', [a1, a2]],
		[{ page: 'p' }, 'page', [a1, b]],
		[{ user: 'a', page: 'p' }, 'both', [a1]],
		[{ user: 'a', page: '' }, 'user only', [a1, a2]],
		[{ user: '' }, 'nobody', []],
		[{ page: '' }, 'nobody either', []],
		[{ user: 'x' }, 'unknown', []],
		[{ user: '', page: 'p' }, 'nobody at all', []]]) {
		c.say(message(to, event));
		await Promise.all(who.map((it) => it.heard(event)));
	}
	await c.read(); // behind all of that
	a1.say(message({}, 'end'));
	await Promise.all(everyone.map((it) => it.heard('end')));
	assert.deepEqual(everyone.map((it) => [...it.events].sort()), [
		['both', 'end', 'page', 'user', 'user only'],
		['end', 'user', 'user only'], ['end', 'page'], ['end']]);
	everyone.forEach((it) => it.close());
});

test('I15: no event or no data is dropped, an empty event is not', { skip },
	async () => {
		const it = await socket(sys.port, { user: 'i15' });

		for (const bad of [{ event: 1, data: {} }, { event: 'x', data: [] },
			{ event: 'x' }, { data: {} }, { event: 'x', data: null }])
			it.say(JSON.stringify({ command: { command: 'message',
				user: 'i15' }, message: bad }));
		it.say(message({ user: 'i15' }, ''));
		await it.heard('');
		assert.deepEqual(it.events, ['']);
		it.close();
	});

test('I16: clients that may not broadcast still change their page', { skip },
	async () => {
		const quiet = await system({ env: {
			POSTHORN_HUB_INCUS_BROADCASTS: '0' } });
		const it = await socket(quiet.port, { user: 'i16', page: 'p' });

		it.say(message({ user: 'i16' }, 'not heard'));
		await it.read();
		for (const name of ['messages_dropped', 'commands_setpage'])
			await until(async () =>
				await quiet.sum(`incus_${name}_total`) === 1,
			{ what: `one of ${name} is counted` });
		it.say(setpage('q'));
		await until(async () =>
			await quiet.sum('incus_commands_setpage_total') === 2);
		for (const page of ['p', 'q'])
			await quiet.send({ channel: `/incus/public/page/${page}`,
				data: { event: `on ${page}`, data: {} } });
		await it.heard('on q');
		assert.deepEqual(it.events, ['on q']);
		it.close();
		await quiet.stop();
	});

test('I22: connects and disconnects without a Redis, presence too', { skip },
	async () => {
		for (let round = 0; round < 5; round++) {
			const all = await Promise.all(Array.from({ length: 40 }, (_, n) =>
				socket(sys.port, { user: `i22-${n % 7}`, page: `p${n % 3}` })));

			all.forEach((it) => it.say(presence(true)));
			all[0].say(message({}, `round ${round}`));
			await Promise.all(all.map((it) => it.heard(`round ${round}`)));
			all.forEach((it, n) => n % 2 ? it.close() :
				it.say('', { first: 0x88 }));
		}
		await until(async () => await sys.sum('incus_sockets') === 0,
			{ what: 'no client is left' });
		await until(async () => await sys.sum('attendees') === 0,
			{ what: 'nobody is present' });
	});

test('a user who reads nothing is sent away, and not named in the log',
	{ skip }, async () => {
		const it = await system({ env: { POSTHORN_HUB_BACKLOG: '16k' } });
		const teller = await socket(it.port, { user: 'teller' });
		const deaf = await socket(it.port, { user: 'very secret' });

		deaf.socket.pause();
		await until(() => {
			teller.say(message({ user: 'very secret' }, 'e',
				{ text: 'x'.repeat(60000) }));
			return /event=slow_reader.*\n/.test(it.out);
		}, { what: 'it is too slow' });
		assert.match(it.out, / channel=\/incus\/private\/user\/\.\.\. /);
		assert.doesNotMatch(it.out, /very/);
		[teller, deaf].forEach((one) => one.close());
		await it.stop();
	});

test('I28: on request the log is Go\'s, and every 20 s has the clients',
	{ skip }, async () => {
		const it = await system({ env: { POSTHORN_LOG_LAYOUT: 'go' } });
		const all = await Promise.all(['a', 'a', 'b'].map((user) =>
			socket(it.port, { user })));
		// When the hub says that it said so: our own looks may be late.
		const times = (n) => [...it.out.matchAll(new RegExp('^hub\\.1 +\\| ' +
			'(\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d) ' +
			`There are ${n} connected clients$`, 'gm'))]
			.map(([, time]) => Date.parse(`${time} UTC`));
		const said = (n) => until(() => times(n).length !== 0,
			{ ms: 25000, what: `${n} clients are told of` });

		await said(3);
		all.pop().close();
		await said(2);
		const passed = times(2)[0] - times(3).at(-1);

		assert.ok(passed > 18000, `every 20 s, not ${passed} ms`);
		assert.match(it.out,
			/^store\.1 +\| [\d/]{10} [\d:]{8} level=info stage=store\.1 event=ready/m);
		assert.doesNotMatch(it.out, /\bts=/);
		all.forEach((one) => one.close());
		await it.stop();
	});
