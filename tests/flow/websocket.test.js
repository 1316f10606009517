// websocket.test.js - RFC 6455 and RFC 7692 at /v1/echo, byte by byte: the
// groups of cases that conformance suites have, as rows of data.
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { before, test } from 'node:test';
import zlib from 'node:zlib';
import { until } from './lib/proc.js';
import { frame, upgrade } from './lib/raw.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const FLUSH = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const TAIL = Buffer.from([0, 0, 255, 255]);
const KIND = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };
const MIB = 1 << 20;
let sys;

before(async () => {
	if (!skip)
		sys = await system({ env: { POSTHORN_HUB_ECHO: '1' } });
});

// A client that sends any bytes at all and reads frames.
class Echo {
	constructor(socket, window) {
		this.socket = socket;
		this.window = window;
		this.frames = [];
		this.parts = [];
		this.held = 0; // bytes in parts
		this.wanted = 2;
		socket.on('data', (bytes) => this.read(bytes));
		socket.on('close', () => (this.ended = true));
		socket.on('error', () => (this.ended = true));
	}

	read(bytes) {
		this.parts.push(bytes);
		this.held += bytes.length;
		if (this.held < this.wanted)
			return;
		let b = Buffer.concat(this.parts);

		for (let f; (f = this.cut(b)) !== undefined;)
			b = f;
		this.parts = [b];
		this.held = b.length;
	}

	cut(b) {
		this.wanted = 2;
		if (b.length < 2)
			return undefined;
		const size = b[1] & 127;
		const head = { 126: 4, 127: 10 }[size] ?? 2;

		if (b.length < (this.wanted = head))
			return undefined;
		const n = head === 2 ? size : head === 4 ? b.readUInt16BE(2) :
			Number(b.readBigUInt64BE(2));

		if (b.length < (this.wanted = head + n))
			return undefined;
		this.frames.push(this.frame(b[0], b.subarray(head, head + n)));
		this.masked ||= b[1] > 127;
		return b.subarray(head + n);
	}

	frame(first, bytes) {
		if (first & 0x40)
			bytes = zlib.inflateRawSync(Buffer.concat([bytes, TAIL]),
				{ ...FLUSH, windowBits: this.window });
		return { first, kind: KIND[first & 15], bytes };
	}

	// What came, in short: text "x", close 1000.
	get said() {
		return this.frames.map(({ kind, bytes }) => kind === 'close' ?
			`close ${bytes.length ? bytes.readUInt16BE(0) : ''}`.trim() :
			`${kind} ${bytes.length > 200 ? bytes.length : bytes}`.trim());
	}
}

async function echo(headers = '') {
	const socket = net.connect(sys.port, '127.0.0.1');
	let head = Buffer.alloc(0);

	socket.setNoDelay(true);
	await once(socket, 'connect');
	socket.write(upgrade(headers, '/v1/echo'));
	while (!head.includes('\r\n\r\n'))
		head = Buffer.concat([head, (await once(socket, 'data'))[0]]);
	const text = head.toString('latin1');
	const extension = /Sec-WebSocket-Extensions: (.*)\r/i.exec(text)?.[1];
	const bits = /server_max_window_bits=(\d+)/.exec(extension)?.[1];
	const it = new Echo(socket, Number(bits ?? 15));

	assert.match(text, /^HTTP\/1.1 101 /);
	return Object.assign(it, { extension });
}

const text = (data, first = 0x81) => frame(data, { first });
const binary = (data) => frame(data, { first: 0x82 });
const begin = (data) => frame(data, { first: 0x01 });
const more = (data) => frame(data, { first: 0x00 });
const end = (data) => frame(data, { first: 0x80 });
const ping = (data, first = 0x89) => frame(data, { first });
const pong = (data, first = 0x8a) => frame(data, { first });
const close = (code, reason = '') => frame(code === undefined ? '' :
	Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]),
	{ first: 0x88 });
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const BYE = close(1000);

// What is sent -> what comes back.  A row that does not end in a close of ours
// is closed by BYE.
const ROWS = {};
const row = (name, sent, said) => (ROWS[name] = [sent, said]);

// Framing.
for (const n of [0, 1, 125, 126, 127, 128, 199])
	for (const [kind, make] of [['text', text], ['binary', binary]])
		row(`${kind} of ${n}`, [make('*'.repeat(n)), BYE],
			[`${kind} ${'*'.repeat(n)}`.trim(), 'close 1000']);
row('a length that was not the shortest', [hex('81 fe 0001 00000000 61')],
	['close 1002']);
row('a length that was not the shortest, 64 bits',
	[hex('81 ff 0000000000000001 00000000 61')], ['close 1002']);
row('a length of 64 bits and the highest set',
	[hex('82 ff 8000000000000000 00000000')], ['close 1002']);
row('a length past the limit', [hex('82 ff 0000000002000001 00000000')],
	['close 1009']);
row('no mask', [frame('x', { masked: false })], ['close 1002']);

// Pings and pongs.
row('a ping', [ping(''), BYE], ['pong', 'close 1000']);
row('a ping with payload', [ping('Hello'), BYE], ['pong Hello', 'close 1000']);
row('a ping of 125', [ping('*'.repeat(125)), BYE],
	[`pong ${'*'.repeat(125)}`, 'close 1000']);
row('a ping of 126', [ping('*'.repeat(126))], ['close 1002']);
row('pongs nobody asked for', [pong(''), pong('x'), ping('y'), BYE],
	['pong y', 'close 1000']);
row('ten pings', [...Array(10).keys()].map((n) => ping(`${n}`)).concat(BYE),
	[...Array(10).keys()].map((n) => `pong ${n}`).concat('close 1000'));

// Reserved bits, and opcodes that are none.
for (let rsv = 1; rsv < 8; rsv++)
	for (const opcode of [1, 2, 8, 9, 10])
		row(`reserved bits ${rsv} of a ${KIND[opcode]}`, [text('before'),
			frame('', { first: 0x80 | rsv << 4 | opcode })],
			['text before', 'close 1002']);
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
	for (const data of ['', 'x'])
		row(`opcode ${opcode} with "${data}"`,
			[text('before'), frame(data, { first: 0x80 | opcode })],
			['text before', 'close 1002']);

// Fragments.
row('a ping in fragments', [ping('x', 0x09), end('y')], ['close 1002']);
row('a pong in fragments', [pong('x', 0x0a), end('y')], ['close 1002']);
row('a close in fragments', [frame(hex('03e8'), { first: 0x08 })],
	['close 1002']);
row('two fragments', [begin('a'), end('b'), BYE], ['text ab', 'close 1000']);
row('empty fragments', [begin(''), more(''), end(''), BYE],
	['text', 'close 1000']);
row('pings among fragments',
	[begin('a'), ping('1'), more('b'), ping('2'), pong('3'), end('c'), BYE],
	['pong 1', 'pong 2', 'text abc', 'close 1000']);
row('a close among fragments', [begin('a'), close(1000), end('b')],
	['close 1000']);
row('an end with no beginning', [end('x')], ['close 1002']);
row('a fragment with no beginning', [more('x'), end('y')], ['close 1002']);
row('an end after a whole message', [text('a'), end('b')],
	['text a', 'close 1002']);
row('a text among fragments', [begin('a'), text('b')], ['close 1002']);
row('a binary among fragments', [begin('a'), binary('b')], ['close 1002']);
row('many fragments', [begin('0'), ...Array(98).fill(more('1')), end('2'), BYE],
	[`text 0${'1'.repeat(98)}2`, 'close 1000']);

// UTF-8.  A binary message may be anything.
const GOOD = ['ce ba e1 bd b9 cf 83 ce bc ce b5', '00', 'c2 80', 'df bf',
	'e0 a0 80', 'ed 9f bf', 'ee 80 80', 'ef bf bf', 'ef bf bd',
	'f0 90 80 80', 'f4 8f bf bf', 'ef b7 90', 'f0 9f bf be', 'ef bb bf 61'];
const BAD = ['80', 'bf', 'c0 80', 'c1 bf', 'c3 28', 'e0 9f bf', 'e0 80 af',
	'ed a0 80', 'ed bf bf', 'ed a0 80 ed b0 80', 'f0 8f bf bf', 'f4 90 80 80',
	'f5 80 80 80', 'f8 88 80 80 80', 'fc 84 80 80 80 80', 'fe', 'ff',
	'e1 80 c0', 'f1 80 80 41', 'ce ba e1 bd b9 cf 83 ed a0 80 65 64'];
const CUT = ['c3', 'e1', 'e1 bd', 'f0', 'f0 9f', 'f0 9f 98'];

for (const bytes of GOOD) {
	const said = [`text ${hex(bytes)}`.trim(), 'close 1000'];

	row(`UTF-8 ${bytes}`, [text(hex(bytes)), BYE], said);
	row(`UTF-8 ${bytes} in fragments of one byte`, [begin(''),
		...[...hex(bytes)].map((byte) => more([byte])), end(''), BYE], said);
}
for (const bytes of BAD) {
	row(`not UTF-8 ${bytes}`, [text(hex(bytes))], ['close 1007']);
	row(`not UTF-8 ${bytes} in fragments of one byte`, [begin('a'),
		...[...hex(bytes)].map((byte) => more([byte])), end('b')],
		['close 1007']);
	row(`not UTF-8 ${bytes} in binary`, [binary(hex(bytes)), close(1000)],
		[`binary ${hex(bytes)}`, 'close 1000']);
	// The rest of the frame, or of the message, never comes.
	row(`not UTF-8 ${bytes} is seen before the frame ends`,
		[text(Buffer.concat([hex(bytes), Buffer.alloc(100, 0x62)]))
			.subarray(0, 6 + hex(bytes).length)], ['close 1007']);
	row(`not UTF-8 ${bytes} is seen before the message ends`,
		[begin(hex(bytes))], ['close 1007']);
}
for (const bytes of CUT) {
	row(`UTF-8 cut short at ${bytes}`, [text(hex(bytes))], ['close 1007']);
	row(`UTF-8 cut short at ${bytes}, in fragments`,
		[begin(hex(bytes)), end('')], ['close 1007']);
}

// Closing.
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
	1013, 1014, 3000, 3999, 4000, 4999])
	row(`close ${code}`, [close(code, 'bye')], [`close ${code}`]);
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999,
	5000, 65535])
	row(`close ${code}, which may not be`, [close(code, 'bye')],
		['close 1002']);
row('a close without code', [close()], ['close']);
row('a close of one byte', [frame('x', { first: 0x88 })], ['close 1002']);
row('a close of 125', [close(1000, '*'.repeat(123))], ['close 1000']);
row('a close of 126', [close(1000, '*'.repeat(124))], ['close 1002']);
row('a close whose reason is not UTF-8', [close(1000, hex('ce ba ed a0 80'))],
	['close 1007']);
row('nothing is heard after a close', [BYE, text('x'), ping('y'), BYE],
	['close 1000']);

async function comes(it, said) {
	await until(() => it.ended || it.frames.length > said.length,
		{ what: `${said}, then the end; came: ${it.said}` });
	assert.deepEqual(it.said, said);
	assert.ok(!it.masked, 'a server masked');
}

for (const [name, [sent, said]] of Object.entries(ROWS)) {
	test(`${name}`, { skip }, async () => {
		const it = await echo();

		it.socket.write(Buffer.concat(sent));
		await comes(it, said);
	});
	test(`${name}, byte by byte`, { skip }, async () => {
		const it = await echo();

		for (const byte of Buffer.concat(sent)) {
			if (it.ended)
				break;
			await new Promise((done) =>
				it.socket.write(Buffer.from([byte]), done));
		}
		await comes(it, said);
	});
}

// Large ones, whole, in pieces of the network's and in fragments.
for (const size of [65535, 65536, MIB, 16 * MIB])
	for (const [kind, first] of [['text', 1], ['binary', 2]])
		for (const piece of [size, 65536, ...size <= 65536 ? [50] : []])
			test(`${kind} of ${size} in fragments of ${piece}`, { skip },
				async () => {
					const it = await echo(), data = Buffer.alloc(size, 'ab');

					for (let at = 0; at < size; at += piece)
						it.socket.write(frame(data.subarray(at, at + piece), {
							first: (at === 0 ? first : 0) |
								(at + piece >= size ? 0x80 : 0) }));
					it.socket.write(BYE);
					await until(() => it.ended, { what: 'it is closed' });
					assert.deepEqual(it.said, [`${kind} ${size}`, 'close 1000']);
					assert.ok(it.frames[0].bytes.equals(data));
				});

test('a hundred thousand messages, in order', { skip }, async () => {
	const it = await echo(), MANY = 100000, EACH = 1000;

	for (let n = 0; n < MANY; n += EACH) {
		it.socket.write(Buffer.concat([...Array(EACH).keys()].map((i) =>
			text(`${n + i}`))));
		await until(() => it.frames.length === n + EACH || it.ended,
			{ what: `${n + EACH} messages` });
	}
	assert.equal(it.frames.findIndex(({ bytes }, n) => `${bytes}` !== `${n}`),
		-1);
	it.socket.destroy();
});

// permessage-deflate: what is offered -> what may be answered.
const NONE = /^undefined$/;
const OFFERS = {
	'permessage-deflate': /^permessage-deflate/,
	'permessage-deflate; server_no_context_takeover':
		/server_no_context_takeover/,
	'permessage-deflate; client_no_context_takeover': /^permessage-deflate/,
	'permessage-deflate; client_max_window_bits': /^permessage-deflate/,
	'permessage-deflate; client_max_window_bits=9': /^permessage-deflate/,
	'permessage-deflate; client_max_window_bits="10"': /^permessage-deflate/,
	'permessage-deflate; server_max_window_bits=9': /server_max_window_bits=9/,
	'permessage-deflate; server_max_window_bits=15': /^permessage-deflate/,
	['permessage-deflate; server_no_context_takeover; ' +
		'client_no_context_takeover; server_max_window_bits=10; ' +
		'client_max_window_bits=11']:
		/(?=.*server_no_context_takeover)(?=.*server_max_window_bits=10)/,
	'x-webkit-deflate-frame, permessage-deflate': /^permessage-deflate/,
	'permessage-deflate; server_max_window_bits=7, permessage-deflate':
		/^permessage-deflate/,
	'permessage-deflate; server_max_window_bits=7': NONE,
	'permessage-deflate; server_max_window_bits=16': NONE,
	'permessage-deflate; server_max_window_bits': NONE,
	'permessage-deflate; client_max_window_bits=7': NONE,
	'permessage-deflate; server_no_context_takeover=1': NONE,
	['permessage-deflate; server_no_context_takeover; ' +
		'server_no_context_takeover']: NONE,
	'permessage-deflate; what_is_this': NONE,
	'permessage-bzip2': NONE,
};
const bitsOf = (what, name) =>
	Number(new RegExp(`${name}="?(\\d+)`).exec(what)?.[1] ?? 15);

for (const [offer, answer] of Object.entries(OFFERS))
	test(`offered ${offer}`, { skip }, async () => {
		const it = await echo(`Sec-WebSocket-Extensions: ${offer}\r\n`);
		const said = it.extension;
		const windowBits = Math.min(bitsOf(said, 'client_max_window_bits'),
			bitsOf(offer, 'client_max_window_bits'));

		assert.match(`${said}`, answer);
		if (said && !offer.includes('client_max_window_bits'))
			assert.doesNotMatch(said, /client_max_window_bits/);
		const pack = (data) => zlib.deflateRawSync(data,
			{ ...FLUSH, windowBits: Math.max(9, windowBits) })
			.subarray(0, -4);

		for (const size of [0, 16, 1000, 40000]) {
			const data = Buffer.alloc(size, 'The quick brown fox. ');
			const packed = said ? pack(data) : data;
			const half = packed.length >> 1, rsv = said ? 0x40 : 0;

			it.frames.length = 0;
			it.socket.write(Buffer.concat([
				text(packed, 0x81 | rsv),
				frame(packed.subarray(0, half), { first: 0x01 | rsv }),
				ping('between'),
				end(packed.subarray(half)),
				text(data), // plain is allowed always
			]));
			await until(() => it.frames.length === 4 || it.ended,
				{ what: `four frames; came: ${it.said}` });
			assert.deepEqual(it.frames.map(({ kind }) => kind),
				['text', 'pong', 'text', 'text']);
			for (const n of [0, 2, 3])
				assert.ok(it.frames[n].bytes.equals(data));
			if (said && size >= 1000)
				assert.equal(it.frames[0].first, 0xc1); // it packs, too
		}
		it.socket.write(BYE);
		await until(() => it.ended, { what: 'it is closed' });
		assert.equal(it.said.at(-1), 'close 1000');
	});

const PACKED = zlib.deflateRawSync('Hello', FLUSH).subarray(0, -4);
const PACKED_BAD = {
	'bytes that are not packed': [[text(hex('ff ff ff ff'), 0xc1)], 1007],
	'packed bytes that are not UTF-8':
		[[text(zlib.deflateRawSync(hex('ed a0 80'), FLUSH).subarray(0, -4),
			0xc1)], 1007],
	'RSV1 on a later fragment': [[frame(PACKED, { first: 0x41 }),
		frame('', { first: 0xc0 })], 1002],
	'RSV1 on a ping': [[ping('', 0xc9)], 1002],
	'RSV2 on a text': [[text(PACKED, 0xa1)], 1002],
	'more than the limit, unpacked':
		[[frame(zlib.deflateRawSync(Buffer.alloc(33 * MIB), FLUSH)
			.subarray(0, -4), { first: 0xc2 })], 1009],
};

for (const [name, [sent, code]] of Object.entries(PACKED_BAD))
	test(`packed: ${name}`, { skip }, async () => {
		const it = await echo(
			'Sec-WebSocket-Extensions: permessage-deflate\r\n');

		it.socket.write(Buffer.concat(sent));
		await comes(it, [`close ${code}`]);
	});
