// google.js - Google's push service, of one's own, over TLS: access tokens for
// a service account, FCM HTTP v1, and the legacy protocol.  What breaks a rule
// is answered as Google does.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { Authority, Provider } from './provider.js';

export const PROJECT = 'demo-project', API_KEY = 'AIza-demo';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const EMAIL = 'pusher@demo-project.iam.gserviceaccount.com';
const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';

// Of v1: what a token may be answered with.
const status = (code, name, errorCode, message = name, more = []) => ({ code,
	json: { error: { code, message, status: name, details: [
		...(errorCode ? [{ '@type': FCM_ERROR, errorCode }] : []),
		...more] } } });

export const V1 = {
	unregistered: status(404, 'NOT_FOUND', 'UNREGISTERED'),
	mismatch: status(403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH'),
	badToken: status(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT',
		'The registration token is not a valid FCM registration token'),
	badField: status(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT',
		'Invalid value at message.data[0].value', [{ '@type': BAD_REQUEST,
			fieldViolations: [{ field: 'message.data[0].value' }] }]),
	unavailable: status(503, 'UNAVAILABLE', 'UNAVAILABLE'),
	quota: status(429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED'),
	denied: status(403, 'PERMISSION_DENIED'),
	noProject: { code: 404, json: {} },
};
const UNAUTHENTICATED = status(401, 'UNAUTHENTICATED');

export class Google extends Provider {
	static async start() {
		return new Google().here();
	}

	constructor() {
		const authority = new Authority();
		const { cert, key } = authority.server();
		const pair = crypto.generateKeyPairSync('rsa',
			{ modulusLength: 2048 });

		super(() => this.serve());
		Object.assign(this, { authority, publicKey: pair.publicKey,
			privateKey: pair.privateKey });
		this.tls = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
		this.tokens = new Map(); // access token -> is it good
		this.asked = 0;          // requests for one
		this.lives = 3599;       // s, of a token
		this.noTokens = false;
		this.pushes = [];        // { to, headers, json, text }
		this.delivered = [];     // tokens, in order
		this.answers = new Map(); // device -> (push) => answer, or answers
		this.held = [];          // answers to come, while `holds`
		this.holds = false;
		this.connections = 0;
	}

	// What a pusher is told, with a service account or an API key.
	env({ legacy = false } = {}) {
		const url = `https://127.0.0.1:${this.port}`;

		return { POSTHORN_GCM_CA: this.authority.cert, ...(legacy ?
			{ POSTHORN_GCM_API_KEY: API_KEY,
				POSTHORN_GCM_LEGACY_URL: `${url}/fcm/send` } :
			{ POSTHORN_GCM_SERVICE_ACCOUNT: this.account(),
				POSTHORN_GCM_URL: url }) };
	}

	// A service account's file.
	account(more = {}) {
		const file = this.authority.path('account.json');

		fs.writeFileSync(file, JSON.stringify({ type: 'service_account',
			project_id: PROJECT, private_key_id: 'kid-1',
			private_key: this.privateKey.export(
				{ type: 'pkcs8', format: 'pem' }),
			client_email: EMAIL,
			token_uri: `https://127.0.0.1:${this.port}/token`, ...more }));
		return file;
	}

	serve() {
		const server = https.createServer(this.tls, (request, reply) => {
			const parts = [];

			request.on('data', (bytes) => parts.push(bytes));
			request.on('end', () => {
				const { code, json, headers } =
					this.answer(request, Buffer.concat(parts).toString());
				const say = () => reply.writeHead(code, { 'content-type':
					'application/json', ...headers })
					.end(JSON.stringify(json));

				if (this.holds && !request.url.startsWith('/token'))
					this.held.push(say);
				else
					say();
			});
		});

		server.on('secureConnection', () => this.connections++);
		server.keepAliveTimeout = 60000;
		return server;
	}

	// What was held is answered now.
	release() {
		this.holds = false;
		for (const say of this.held.splice(0))
			say();
	}

	answer(request, text) {
		if (request.url === '/token')
			return this.token(text);
		if (request.url === `/v1/projects/${PROJECT}/messages:send`)
			return this.v1(request, text);
		if (request.url === '/fcm/send')
			return this.legacy(request, text);
		return V1.noProject;
	}

	// ---- Access tokens

	token(text) {
		const form = new URLSearchParams(text);
		const [head, body, signature] =
			(form.get('assertion') ?? '').split('.');
		const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));

		this.asked++;
		if (this.noTokens)
			return { code: 503, json: {} };
		const now = Date.now() / 1000;
		const { alg, kid } = read(head);
		const { iss, aud, scope, iat, exp } = read(body);

		if (form.get('grant_type') !==
			'urn:ietf:params:oauth:grant-type:jwt-bearer' ||
			alg !== 'RS256' || kid !== 'kid-1' || iss !== EMAIL ||
			aud !== `https://127.0.0.1:${this.port}/token` ||
			scope !== SCOPE || Math.abs(iat - now) > 60 ||
			exp - iat !== 3600 || !crypto.verify('RSA-SHA256',
			Buffer.from(`${head}.${body}`), this.publicKey,
			Buffer.from(signature, 'base64url')))
			return { code: 400, json: { error: 'invalid_grant' } };
		const access = `ya29.${this.asked}-${crypto.randomUUID()}`;

		this.tokens.set(access, true);
		return { code: 200, json: { access_token: access,
			expires_in: this.lives, token_type: 'Bearer' } };
	}

	// Those that were given are not good any more.
	revoke() {
		for (const token of this.tokens.keys())
			this.tokens.set(token, false);
	}

	// ---- Pushes

	// What is said to a device: as it was told, else that it is there.
	scripted(to, push) {
		const told = this.answers.get(to);

		if (Array.isArray(told))
			return told.length > 1 ? told.shift() : told[0];
		return typeof told === 'function' ? told(push) : told;
	}

	v1({ headers }, text) {
		const bearer = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];

		if (!this.tokens.get(bearer))
			return UNAUTHENTICATED;
		const json = JSON.parse(text);
		const { token, topic, data = {} } = json.message;
		const to = token ?? `/topics/${topic}`;
		const push = { to, headers, json, text };

		this.pushes.push(push);
		if (Object.values(data).some((one) => typeof one !== 'string') ||
			headers['content-type'] !== 'application/json')
			return V1.badField;
		const scripted = this.scripted(to, push);

		if (scripted)
			return scripted;
		this.delivered.push(to);
		return { code: 200, json: { name: `projects/${PROJECT}/messages/0:${
			this.delivered.length}` } };
	}

	// Of a device: { error } or { message_id, registration_id }.  Of a whole
	// request, whose first device it is: { code, json, headers }.
	legacy({ headers }, text) {
		if (headers.authorization !== `key=${API_KEY}`)
			return { code: 401, json: {} };
		const json = JSON.parse(text);
		const ids = json.registration_ids ?? [json.to];
		const push = { to: ids[0], ids, headers, json, text };

		this.pushes.push(push);
		const results = ids.map((id) => {
			const scripted = this.scripted(id, push);

			if (!scripted)
				this.delivered.push(id);
			return scripted ?? { message_id: `0:${this.delivered.length}` };
		});

		if (results[0].code)
			return results[0];
		const failure = results.filter(({ error }) => error).length;

		return { code: 200, json: { multicast_id: 7, failure,
			success: ids.length - failure, canonical_ids: 0, results } };
	}
}
