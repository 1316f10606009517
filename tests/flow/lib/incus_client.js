// incus_client.js - clients of Incus byte by byte: a WebSocket that keeps every frame
// as it came, and a long poll that keeps the whole answer.
import { until } from './proc.js';
import { frame, raw, upgrade } from './raw.js';

export const envelope = (command, message = {}) =>
	JSON.stringify({ command, message });
export const authenticate = (user) =>
	envelope({ command: 'authenticate', user }, { time: 1446000000 });
export const setpage = (page) => envelope({ command: 'setpage', page });
export const presence = (yes) =>
	envelope({ command: 'setpresence' }, { presence: yes, time: 1 });
export const message = (to, event, data = {}) =>
	envelope({ command: 'message', ...to }, { event, data, time: 1 });

// The frames of what a server sent, and what is left of it: no mask.
function frames(bytes) {
	const found = [];

	for (;;) {
		const size = bytes[1] & 127;
		const head = { 126: 4, 127: 10 }[size] ?? 2;

		if (bytes.length < 2 || bytes.length < head)
			break;
		const n = head === 2 ? size : head === 4 ? bytes.readUInt16BE(2) :
			Number(bytes.readBigUInt64BE(2));

		if (bytes.length < head + n)
			break;
		found.push({ first: bytes[0], masked: size !== bytes[1],
			text: bytes.toString('utf8', head, head + n),
			payload: bytes.subarray(head, head + n) });
		bytes = bytes.subarray(head + n);
	}
	return found;
}

// 101 at once, or an error with the answer.
export async function socket(port, { user, page, path = '/socket',
	headers = '', first, secure } = {}) {
	const it = await raw(port, { secure });

	it.write(upgrade(headers, path));
	if (first !== undefined)
		it.write(frame(first));
	const [head] = await it.said(/^[^]*?\r\n\r\n/);

	if (!head.startsWith('HTTP/1.1 101 '))
		throw new Error(it.text);
	Object.defineProperties(it, {
		head: { value: head },
		frames: { get: () => frames(Buffer.from(it.text.slice(head.length),
			'latin1')) },
		// Messages as clients take them: the texts that are not empty.
		texts: { get: () => it.frames.filter(({ first, text }) =>
			first === 0x81 && text !== '').map(({ text }) => text) },
		messages: { get: () => it.texts.map((text) => JSON.parse(text)) },
		events: { get: () => it.messages.map(({ event }) => event) },
		// [code, reason], [] of an empty one, undefined of none.
		closed: { get: () => it.frames.filter(({ first }) => first === 0x88)
			.map(({ payload }) => payload.length === 0 ? [] :
				[payload.readUInt16BE(0), payload.toString('utf8', 2)])
			.at(0) },
	});
	it.say = (text, options) => it.write(frame(text, options));
	it.heard = (event) => until(() => it.events.includes(event),
		{ what: `${event} is heard, not only ${it.events}` });
	it.bye = async () => {
		await it.whole();
		return it.closed;
	};
	// It was read up to here, and whatever that caused was said to the store.
	let n = 0;
	it.read = async () => {
		const mark = `m${n++}`;

		it.say(mark, { first: 0x89 });
		await until(() => it.frames.some(({ first, text }) =>
			first === 0x8a && text === mark), { what: 'a pong' });
	};
	if (user !== undefined)
		it.say(authenticate(user));
	if (page !== undefined)
		it.say(setpage(page));
	if (user !== undefined)
		await it.read();
	return it;
}

// One long poll; `again` sends the next on the same connection.
export async function poll(port, params = {}, { method = 'GET', headers = '',
	body, it } = {}) {
	it ??= await raw(port);
	const query = new URLSearchParams(params);
	const at = it.text.length;

	it.write(`${method} /lp?${query} HTTP/1.1\r\nHost: x\r\n${headers}` +
		`${body === undefined ? '' :
			`Content-Length: ${Buffer.byteLength(body)}\r\n`}\r\n` +
		`${body ?? ''}`);
	// The answer as soon as it is whole: { status, headers, body }.
	const answer = () => {
		const text = it.text.slice(at);
		const end = text.indexOf('\r\n\r\n');

		if (end < 0)
			return false;
		const [line, ...lines] = text.slice(0, end).split('\r\n');
		const status = Number(line.split(' ')[1]);
		const headers = Object.fromEntries(lines.map((row) => {
			const colon = row.indexOf(':');

			return [row.slice(0, colon).toLowerCase(),
				row.slice(colon + 1).trim()];
		}));
		const n = method === 'HEAD' ? 0 :
			Number(headers['content-length'] ?? 0);
		const body = Buffer.from(text.slice(end + 4), 'latin1');

		return body.length >= n &&
			{ line, status, headers, body: body.toString('utf8', 0, n) };
	};

	return { it, answer, close: () => it.close(),
		answered: (options) => until(() => answer(),
			{ what: `a poll is answered: ${query}`, ...options }),
		again: (more = params, options = {}) =>
			poll(port, more, { ...options, it }) };
}
