// msgpack.js - enough of msgpack to be a client of the binary subprotocol
// and to read what tap -m writes.

function head(small, limit, wide) {
	return (n) => n < limit ? Buffer.from([small | n]) :
		n < 65536 ? Buffer.from([wide, n >> 8, n & 255]) :
			Buffer.from([wide + 1, n >>> 24, n >> 16 & 255, n >> 8 & 255,
				n & 255]);
}
const mapHead = head(0x80, 16, 0xde);
const listHead = head(0x90, 16, 0xdc);
const textHead = head(0xa0, 32, 0xda);

export function encode(it) {
	if (it === undefined || it === null)
		return Buffer.from([0xc0]);
	if (typeof it === 'boolean')
		return Buffer.from([it ? 0xc3 : 0xc2]);
	if (Number.isInteger(it) && it >= 0 && it < 128)
		return Buffer.from([it]);
	if (typeof it === 'bigint') {
		const bytes = Buffer.alloc(9, 0xcf);

		bytes.writeBigUInt64BE(it, 1);
		return bytes;
	}
	if (typeof it === 'number') {
		const bytes = Buffer.alloc(9, 0xcb);

		bytes.writeDoubleBE(it, 1);
		return bytes;
	}
	if (typeof it === 'string') {
		const bytes = Buffer.from(it);

		return Buffer.concat([textHead(bytes.length), bytes]);
	}
	if (Buffer.isBuffer(it)) {
		const size = Buffer.alloc(5, 0xc6);

		size.writeUInt32BE(it.length, 1);
		return Buffer.concat([size, it]);
	}
	if (Array.isArray(it))
		return Buffer.concat([listHead(it.length), ...it.map(encode)]);
	const rows = Object.entries(it).filter(([, value]) => value !== undefined);

	return Buffer.concat([mapHead(rows.length),
		...rows.flat().map((one) => encode(one))]);
}

const FIXED = {
	0xca: (b, at) => [b.readFloatBE(at), at + 4],
	0xcb: (b, at) => [b.readDoubleBE(at), at + 8],
	0xcc: (b, at) => [b.readUInt8(at), at + 1],
	0xcd: (b, at) => [b.readUInt16BE(at), at + 2],
	0xce: (b, at) => [b.readUInt32BE(at), at + 4],
	0xcf: (b, at) => [Number(b.readBigUInt64BE(at)), at + 8],
	0xd0: (b, at) => [b.readInt8(at), at + 1],
	0xd1: (b, at) => [b.readInt16BE(at), at + 2],
	0xd2: (b, at) => [b.readInt32BE(at), at + 4],
	0xd3: (b, at) => [Number(b.readBigInt64BE(at)), at + 8],
};

function list(b, at, n) {
	const items = [];

	while (items.length < n) {
		const [item, next] = read(b, at);

		items.push(item);
		at = next;
	}
	return [items, at];
}

function map(b, at, n) {
	const [items, next] = list(b, at, 2 * n);
	const it = {};

	for (let i = 0; i < items.length; i += 2)
		it[items[i]] = items[i + 1];
	return [it, next];
}

const text = (b, at, n) => [b.toString('utf8', at, at + n), at + n];
const bytes = (b, at, n) => [b.subarray(at, at + n), at + n];
const SIZED = { // kind -> bytes of its length, and what reads it
	0xc4: [1, bytes], 0xc5: [2, bytes], 0xc6: [4, bytes],
	0xd9: [1, text], 0xda: [2, text], 0xdb: [4, text],
	0xdc: [2, list], 0xdd: [4, list], 0xde: [2, map], 0xdf: [4, map],
};

// The item that begins at `at`, and where the next one does.  Throws a
// RangeError when it is not whole.
export function read(b, at = 0) {
	const kind = b.readUInt8(at++);

	if (kind < 0x80)
		return [kind, at];
	if (kind < 0x90)
		return map(b, at, kind & 15);
	if (kind < 0xa0)
		return list(b, at, kind & 15);
	if (kind < 0xc0) {
		if (at + (kind & 31) > b.length)
			throw new RangeError('cut short');
		return text(b, at, kind & 31);
	}
	if (kind >= 0xe0)
		return [kind - 256, at];
	if (kind <= 0xc3)
		return [{ 0xc0: null, 0xc2: false, 0xc3: true }[kind], at];
	if (kind in FIXED)
		return FIXED[kind](b, at);
	const [width, take] = SIZED[kind];
	const n = b.readUIntBE(at, width);

	if (width + at + (take === bytes || take === text ? n : 0) > b.length)
		throw new RangeError('cut short');
	return take(b, at + width, n);
}

// A message, which must be one item and nothing behind it.
export function decode(b) {
	const [it, end] = read(b);

	if (end !== b.length)
		throw new Error(`${b.length - end} bytes behind the item`);
	return it;
}

// The frames in a stream of them, each handed to `change`; what that returns
// goes on.
export function filter(change) {
	return async function* (chunks) {
		let bytes = Buffer.alloc(0);

		for await (const chunk of chunks) {
			bytes = Buffer.concat([bytes, chunk]);
			for (let at = 0; bytes.length !== 0; bytes = bytes.subarray(at)) {
				let frame;

				try {
					[frame, at] = read(bytes);
				} catch {
					break; // the rest of it is on its way
				}
				const it = change(frame);

				if (it)
					yield encode(it);
			}
		}
	};
}
