// token.js - tokens as an application would make them (RFC 7519, HS256).
import { createHmac } from 'node:crypto';
import { KEY } from './system.js';

const [ID, SECRET] = KEY.split(':');
const part = (it) => Buffer.from(JSON.stringify(it)).toString('base64url');

// An expiry is compulsory; `of` may name another key or algorithm.
export function token(claims, { kid = ID, secret = SECRET,
	alg = 'HS256' } = {}) {
	const text = `${part({ alg, typ: 'JWT', kid })}.${part({
		exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;

	return `${text}.${createHmac('sha256', secret).update(text)
		.digest('base64url')}`;
}
