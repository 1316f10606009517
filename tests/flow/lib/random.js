// random.js - draws that are the same again for the same seed.

// draw(n): one of 0 to n - 1.
export function random(seed) {
	let state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;

	return (n) => {
		state ^= state << 13n & 0xffffffffffffffffn;
		state ^= (state & 0xffffffffffffffffn) >> 7n;
		state ^= state << 17n & 0xffffffffffffffffn;
		state &= 0xffffffffffffffffn;
		return Number(state % BigInt(n));
	};
}
