// apple.js - Apple's push service, of one's own: HTTP/2 over TLS with its
// rules.  A connection without a client's certificate has one stream until a
// valid token came.  What breaks a rule is answered as Apple does.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import { Authority, Provider } from './provider.js';

export const TEAM = 'DEF123GHIJ', KEY_ID = 'ABC123DEFG';
export const TOPIC = 'com.example.app';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const AGE = 3000; // s; a pusher's token is of a multiple of it
const TYPES = ['alert', 'background', 'voip', 'complication', 'fileprovider',
	'mdm', 'location', 'liveactivity', 'pushtotalk'];

export class Apple extends Provider {
	static async start(options) {
		return new Apple(options).here();
	}

	constructor({ streams = 1000 } = {}) {
		const authority = new Authority();
		const { cert, key } = authority.server();
		const pair = crypto.generateKeyPairSync('ec',
			{ namedCurve: 'P-256' });

		super(() => this.serve());
		Object.assign(this, { authority, streams });
		this.tls = { cert: fs.readFileSync(cert),
			key: fs.readFileSync(key),
			ca: fs.readFileSync(authority.cert) };
		this.client = authority.issue('client');
		this.p8 = authority.path(`AuthKey_${KEY_ID}.p8`);
		this.publicKey = pair.publicKey;
		fs.writeFileSync(this.p8,
			pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
		this.pushes = [];         // { token, headers, body, session }
		this.sessions = [];       // { subject, alpn, most }
		this.jwts = new Set();
		this.answers = new Map(); // device -> (push) => { status, reason }
		this.most = 0;            // streams at a time
		this.began = Date.now();
	}

	// What a pusher is told of it.
	get env() {
		return { POSTHORN_APNS_CA: this.authority.cert };
	}

	get host() {
		return `127.0.0.1:${this.port}`;
	}

	// A section of POSTHORN_APNS_APPS that goes by the key.
	section(name, more = {}) {
		return [`[${name}]`, ...Object.entries({ key: this.p8,
			key_id: KEY_ID, team_id: TEAM, topic: TOPIC, host: this.host,
			...more }).map((pair) => pair.join(' = ')), ''].join('\n');
	}

	serve() {
		const server = http2.createSecureServer({ ...this.tls,
			requestCert: true, rejectUnauthorized: false,
			settings: { maxConcurrentStreams: this.streams } });

		server.on('session', (session) => this.open(session));
		return server;
	}

	open(session) {
		const peer = session.socket.getPeerCertificate();
		const known = session.socket.authorized;
		const one = { subject: peer?.subject?.CN, open: 0, most: 0, pushes: 0,
			alpn: session.alpnProtocol, known, session };

		this.sessions.push(one);
		if (!known)
			session.settings({ maxConcurrentStreams: 1 });
		session.on('error', () => {});
		session.on('stream', (stream, headers) =>
			this.take(one, stream, headers));
	}

	// No more than these: what comes behind was not looked at.
	leave(session, last, debug = '') {
		session.last = last;
		session.session.goaway(http2.constants.NGHTTP2_NO_ERROR, last,
			Buffer.from(debug));
	}

	take(session, stream, headers) {
		const parts = [];

		if (stream.id > (session.last ?? Infinity))
			return;

		session.most = Math.max(session.most, ++session.open);
		stream.on('error', () => {});
		stream.on('close', () => session.open--);
		stream.on('data', (bytes) => parts.push(bytes));
		stream.on('end', () => {
			const push = { headers, session, stream, at: Date.now(),
				body: Buffer.concat(parts).toString(),
				device: headers[':path'].replace('/3/device/', '') };

			session.pushes++;
			if (this.hold) // until somebody says go on
				this.hold.push(Object.assign(() => this.answer(push),
					{ id: stream.id }));
			else
				this.answer(push);
		});
	}

	answer(push) {
		const verdict = this.judge(push);

		if (verdict === null || push.stream.destroyed)
			return; // silence
		push.status = verdict?.status ?? 200;
		push.reason = verdict?.reason;
		this.pushes.push(push);
		const id = push.headers['apns-id'];
		const head = { ':status': push.status, ...(id && { 'apns-id': id }) };

		if (push.status === 200) {
			push.stream.respond(head, { endStream: true });
		} else {
			push.stream.respond(head);
			push.stream.end(JSON.stringify(
				{ reason: verdict.reason, timestamp: verdict.timestamp }));
		}
		if (!push.session.known && push.status !== 403) {
			push.session.known = true;
			push.session.session.settings(
				{ maxConcurrentStreams: this.streams });
		}
		this.said?.(push);
	}

	// What Apple would find wrong; or what a test wants to be wrong.
	judge(push) {
		const { headers: h, body, device, session } = push;
		const no = (status, reason) => ({ status, reason });
		const jwt = h.authorization?.replace(/^bearer /, '');

		if (h[':method'] !== 'POST')
			return no(405, 'MethodNotAllowed');
		if (!h[':path'].startsWith('/3/device/'))
			return no(404, 'BadPath');
		if (!session.subject && !jwt)
			return no(403, 'MissingProviderToken');
		const bad = jwt && this.token(jwt);

		if (bad)
			return no(403, bad);
		if (jwt && !h['apns-topic'])
			return no(400, 'MissingTopic');
		if (!/^([0-9a-f]{2}){1,100}$/.test(device))
			return no(400, 'BadDeviceToken');
		if (h['apns-id'] && !UUID.test(h['apns-id']))
			return no(400, 'BadMessageId');
		if (!TYPES.includes(h['apns-push-type']))
			return no(400, 'InvalidPushType');
		if (![undefined, '1', '5', '10'].includes(h['apns-priority']) ||
		    (h['apns-push-type'] === 'background' && h['apns-priority'] !== '5'))
			return no(400, 'BadPriority');
		if (!/^\d*$/.test(h['apns-expiration'] ?? ''))
			return no(400, 'BadExpirationDate');
		if (Buffer.byteLength(h['apns-collapse-id'] ?? '') > 64)
			return no(400, 'BadCollapseId');
		if (body.length === 0)
			return no(400, 'PayloadEmpty');
		if (Buffer.byteLength(body) > 4096)
			return no(413, 'PayloadTooLarge');
		JSON.parse(body);
		return this.answers.get(device)?.(push);
	}

	token(jwt) {
		const [head, claims, signature] = jwt.split('.')
			.map((part) => Buffer.from(part, 'base64url'));
		const { alg, kid } = JSON.parse(head);
		const { iss, iat } = JSON.parse(claims);
		const good = alg === 'ES256' && kid === KEY_ID && iss === TEAM &&
			signature.length === 64 && crypto.verify('sha256',
			jwt.slice(0, jwt.lastIndexOf('.')),
			{ key: this.publicKey, dsaEncoding: 'ieee-p1363' }, signature);

		this.jwts.add(jwt);
		if (!good)
			return 'InvalidProviderToken';
		const age = Date.now() / 1000 - iat;

		return age < -60 || age > 3600 ? 'ExpiredProviderToken' :
			this.refuses?.(jwt);
	}

	// All went by one token, or by one more if its time ended meanwhile.
	oneToken() {
		const age = (ms) => Math.floor(ms / 1000 / AGE);
		const most = 1 + age(Date.now()) - age(this.began);

		assert.ok(this.jwts.size >= 1 && this.jwts.size <= most,
			`${this.jwts.size} tokens, not ${most}`);
	}

	// The pushes that were taken for these devices, or all.
	taken(...devices) {
		return this.pushes.filter(({ status, device }) => status === 200 &&
			(devices.length === 0 || devices.includes(device)));
	}
}
