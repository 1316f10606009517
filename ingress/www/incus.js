/*
 * incus.js - a client of the Incus protocol, for pages and for Node.
 *
 *	const incus = new Incus('http://host:4000', 'user', 'page');
 *	incus.on('news', (data) => ...);
 *	incus.MessageUser('hello', 'friend', { text: 'hi' });
 *
 * It listens by long poll from the first moment, and by WebSocket as soon as
 * there is one; when the socket is lost it polls again until the socket is
 * back.  What is sent while nothing can be sent waits.  Where the server gives
 * positions, nothing is lost between two polls, or between poll and socket.
 */
(function (root, make) {
	if (typeof module === 'object' && module.exports)
		module.exports = make(root);
	else
		root.Incus = make(root);
})(typeof globalThis === 'object' ? globalThis : this, (root) => {
	'use strict';

	const FIRST_MS = 1000; // between two attempts, doubled each time
	const LAST_MS = 30000;
	const AT_ONCE = 100; // messages of a poll
	const SENT_MAX = 1000; // envelopes that wait; then the oldest goes
	const HEARD_MS = 2000; // a request to an old server was heard by then
	const LATE_MS = 10000; // one to a server that answers at once is lost
	const IDLE_S = 60;
	const URL_MAX = 4000; // characters of a query; more goes as a form
	const TOO_LARGE = 413;

	// Handlers by name; a name has as many as one likes.
	class Emitter {
		constructor() {
			this.handlers = new Map();
		}

		on(name, fn) {
			this.handlers.set(name, [...this.handlers.get(name) ?? [], fn]);
			return this;
		}

		once(name, fn) {
			const first = (...args) => {
				this.off(name, first);
				fn(...args);
			};

			return this.on(name, first);
		}

		off(name, fn) {
			this.handlers.set(name, (this.handlers.get(name) ?? [])
				.filter((one) => one !== fn));
			return this;
		}

		// A handler that throws spoils neither the others nor the connection.
		emit(name, ...args) {
			for (const fn of this.handlers.get(name) ?? [])
				try {
					fn(...args);
				} catch (e) {
					setTimeout(() => {
						throw e;
					});
				}
		}
	}

	// A place is one part of each shard: EPOCH.OFFSET, or SHARD:EPOCH.OFFSET.
	const parts = (cursor) => new Map(cursor.split('-').filter(Boolean)
		.map((part) => part.includes(':') ? part.split(':') : ['0', part]));

	// What a message tells of its shard, the others as they were.
	function onward(cursor, by) {
		const all = [...new Map([...parts(cursor), ...parts(by)])]
			.sort(([a], [b]) => a - b);

		return all.length === 1 && all[0][0] === '0' ? all[0][1] :
			all.map((part) => part.join(':')).join('-');
	}

	const seconds = () => Math.floor(Date.now() / 1000);
	const text = (value) => String(value);

	// A pause that grows, and is not the same for all who lost one server.
	class Backoff {
		constructor() {
			this.worked();
		}

		worked() {
			this.ms = FIRST_MS;
		}

		failed() {
			const ms = this.ms;

			this.ms = Math.min(this.ms * 2, LAST_MS);
			return ms === FIRST_MS ? ms : ms / 2 + Math.random() * ms / 2;
		}
	}

	class Client extends Emitter {
		// Of the options: WebSocket, a constructor, or null for none; fetch;
		// token, shown to servers that want one.
		constructor(url, user, page, options = {}) {
			super();
			if (url === undefined || user === undefined)
				throw new TypeError('Incus: a URL and a user are needed');
			this.emitter = this; // that of incusjs was another
			this.url = text(url).replace(/\/+$/, '');
			this.user = this.UID = text(user);
			this.page = page === undefined || page === null ? null : text(page);
			this.token = options.token ?? null;
			this.fetch = options.fetch ?? root.fetch?.bind(root);
			this.WebSocket = options.WebSocket === undefined ?
				root.WebSocket : options.WebSocket;
			this.socketConnected = false;
			this.closed = false;
			this.cursor = ''; // empty: from now on
			this.at = this.page; // the cursor is of this page
			this.waiting = []; // envelopes to be sent
			this.polls = new Backoff();
			this.posts = new Backoff();
			this.sockets = new Backoff();
			this.poll();
			this.open();
		}

		// ---- What is sent

		MessageUser(event, user, data) {
			return this.command({ command: 'message', user: text(user) },
				{ event, data });
		}

		MessagePage(event, page, data) {
			return this.command({ command: 'message', page: text(page) },
				{ event, data });
		}

		MessageAll(event, data) {
			return this.command({ command: 'message' }, { event, data });
		}

		setPage(page) {
			this.page = text(page);
			if (this.socketConnected) {
				this.at = this.page;
				this.command({ command: 'setpage', page: this.page });
			} else {
				this.poll();
			}
			return this;
		}

		// A poll says it anew each time: there it ends with the poll.
		setPresence(presence) {
			this.presence = Boolean(presence);
			if (this.socketConnected)
				this.socket.send(this.presenceCommand());
			else
				this.poll();
			return this;
		}

		presenceCommand() {
			return this.newCommand('setpresence', { presence: this.presence });
		}

		// An envelope, as text.
		newCommand(command, message = {}) {
			return JSON.stringify({
				command: typeof command === 'string' ? { command } : command,
				message: { ...message, time: seconds() },
			});
		}

		command(command, message) {
			return this.send(this.newCommand(command, message));
		}

		// One envelope, by whatever way there is, behind those before it.
		send(envelope) {
			this.waiting.push(envelope);
			if (this.waiting.length > SENT_MAX) {
				this.waiting.shift();
				this.emit('error', new Error('Incus: too much waits to be ' +
					'sent, the oldest is dropped'));
			}
			if (this.socketConnected)
				this.flush();
			else
				this.post();
			return this;
		}

		// By socket, but behind what a request has under way.
		flush() {
			if (!this.socketConnected || this.underWay)
				return;
			for (const envelope of this.waiting.splice(0))
				this.socket.send(envelope);
		}

		// Without a socket each goes in a request that waits for no message.
		// Who gives no positions lets it wait all the same, and has heard it.
		async post() {
			if (this.posting || !this.fetch)
				return;
			this.posting = true;
			while (this.waiting.length !== 0 && !this.closed &&
				!this.socketConnected) {
				const envelope = this.waiting.shift();

				this.underWay = true;
				const sent = await this.postOne(envelope);

				this.underWay = false;
				if (sent)
					continue;
				this.waiting.unshift(envelope);
				if (this.socketConnected)
					break;
				await new Promise((done) =>
					setTimeout(done, this.posts.failed()));
			}
			this.posting = false;
			this.flush();
		}

		// False: it may not have come, try again.  What is too large never
		// comes, and would keep all behind it from coming.
		async postOne(envelope) {
			const abort = new root.AbortController();
			const old = this.cursor === '';
			const ms = old ? HEARD_MS : LATE_MS;
			const late = setTimeout(() => abort.abort(), ms);
			let sent = true;

			try {
				const { ok, status } = await this.request({ command: envelope,
					timeout: 0, cursor: null }, abort);

				sent = ok || status === TOO_LARGE;
				if (status === TOO_LARGE)
					this.emit('error', new Error('Incus: what is too ' +
						'large to be sent without a socket is dropped'));
			} catch {
				sent = old && abort.signal.aborted;
			}
			clearTimeout(late);
			if (sent)
				this.posts.worked();
			return sent;
		}

		close() {
			this.closed = true;
			this.socketConnected = false;
			clearTimeout(this.pollTimer);
			clearTimeout(this.socketTimer);
			this.abort?.abort();
			this.socket?.close();
			return this;
		}

		// ---- What comes

		// Text of a socket or a poll: one message.
		take(line) {
			let message;

			if (line === '') // a sign of life of old servers
				return;
			try {
				message = JSON.parse(line);
			} catch {
				this.emit('error', new Error('Incus: no JSON came'));
				return;
			}
			this.told(message);
		}

		told(message) {
			if (Array.isArray(message)) {
				message.forEach((one) => this.told(one));
				return;
			}
			if (message === null || typeof message !== 'object')
				return;
			if (typeof message.cursor === 'string')
				this.cursor = onward(this.cursor, message.cursor);
			if (message.gap)
				this.emit('gap', message.gap);
			if (typeof message.event === 'string')
				this.emit(message.event, message.data, message);
		}

		// ---- Long poll

		query(more) {
			const values = { user: this.user, page: this.page,
				cursor: this.cursor, token: this.token, ...more };

			return Object.entries(values)
				.filter(([, value]) => value !== null && value !== undefined)
				.map(([name, value]) =>
					`${name}=${encodeURIComponent(value)}`).join('&');
		}

		// What is too long for a URL goes as a form.
		request(more, { signal }) {
			const words = this.query(more);
			const form = words.length > URL_MAX;

			return this.fetch(`${this.url}/lp${form ? '' : `?${words}`}`,
				{ signal, cache: 'no-store', ...(form && { method: 'POST',
					body: new root.URLSearchParams(words) }) });
		}

		// What a poll asks for.  It ends at once where there is no place yet, to
		// be told one; and where it moves, up to then on the old page.
		asks() {
			if (this.cursor !== '' && this.at !== this.page)
				return { page: this.at, timeout: 0, command: this.newCommand(
					{ command: 'setpage', page: this.page }) };
			return { timeout: this.cursor === '' ? 0 : null, command:
				this.presence === undefined ? null : this.presenceCommand() };
		}

		// A new one, in the place of the one that waits.
		async poll() {
			clearTimeout(this.pollTimer);
			this.abort?.abort();
			if (this.closed || this.socketConnected || !this.fetch)
				return;
			const abort = this.abort = new root.AbortController();
			const began = Date.now();
			let again = 0;

			try {
				const reply = await this.request(
					{ messages: AT_ONCE, ...this.asks() }, abort);
				const body = await reply.text();

				if (abort !== this.abort || this.closed)
					return;
				again = this.answered(reply, body, Date.now() - began);
			} catch {
				if (abort !== this.abort || this.closed)
					return;
				again = this.polls.failed();
			}
			this.pollTimer = setTimeout(() => this.poll(), again);
		}

		// How long to wait before the next.  Who is told nothing at once is
		// not wanted.
		answered(reply, body, ms) {
			const cursor = reply.headers.get('X-Incus-Cursor');

			if ((reply.status !== 200 && reply.status !== 204) ||
				(body === '' && ms < FIRST_MS &&
					!(cursor && this.asks().timeout === 0)))
				return this.polls.failed();
			this.polls.worked();
			this.introduce();
			if (reply.headers.get('X-Incus-Gap'))
				this.emit('gap', {});
			this.cursor = cursor ?? this.cursor;
			this.at = this.page;
			this.take(body);
			return 0;
		}

		introduce() {
			if (this.introduced)
				return;
			this.introduced = true;
			this.emit('connect');
		}

		// ---- WebSocket

		open() {
			if (this.closed || typeof this.WebSocket !== 'function')
				return;
			const socket = this.socket = new this.WebSocket(
				`${this.url.replace(/^http/, 'ws')}/socket`);

			socket.onopen = () => this.opened(socket);
			socket.onmessage = ({ data }) => this.take(text(data));
			socket.onerror = () => {};
			socket.onclose = () => this.lost(socket);
		}

		opened(socket) {
			const command = { command: 'authenticate', user: this.user,
				cursor: this.cursor };

			if (this.at !== null)
				command.page = this.at;
			if (this.closed) {
				socket.close();
				return;
			}
			if (this.token !== null)
				command.token = this.token;
			this.sockets.worked();
			this.socketConnected = true;
			this.at = this.page;
			clearTimeout(this.pollTimer);
			this.abort?.abort();
			this.abort = undefined;
			socket.send(this.newCommand(command));
			if (this.page !== null)
				socket.send(this.newCommand(
					{ command: 'setpage', page: this.page }));
			if (this.presence !== undefined)
				socket.send(this.presenceCommand());
			this.flush();
			this.introduce();
		}

		// Poll until it is back.
		lost(socket) {
			if (this.closed || socket !== this.socket)
				return;
			if (this.socketConnected) {
				this.socketConnected = false;
				this.introduced = false;
				this.emit('disconnect');
				this.poll();
			}
			this.socketTimer =
				setTimeout(() => this.open(), this.sockets.failed());
		}
	}

	// Is anybody at the page?  Emits `idle` after so many seconds without a
	// touch, a key or the mouse, and `return` at the next.
	class Presence extends Emitter {
		constructor(after = IDLE_S, target = root.document) {
			super();
			this.ms = after * 1000;
			this.idle = false;
			this.looked = 0;
			this.target = target;
			this.seen = () => this.notice();
			for (const name of ['touchstart', 'keypress', 'mousemove'])
				target?.addEventListener(name, this.seen, { passive: true });
			this.wait();
		}

		wait() {
			clearTimeout(this.timer);
			this.timer = setTimeout(() => {
				this.idle = true;
				this.emit('idle');
			}, this.ms);
		}

		notice() {
			const now = Date.now();

			if (now - this.looked < 50)
				return;
			this.looked = now;
			this.wait();
			if (!this.idle)
				return;
			this.idle = false;
			this.emit('return');
		}

		close() {
			clearTimeout(this.timer);
			for (const name of ['touchstart', 'keypress', 'mousemove'])
				this.target?.removeEventListener(name, this.seen);
		}
	}

	// Tells the server, at once and at each change.
	Presence.IncusNotifier = class IncusNotifier {
		constructor(presence, client) {
			const tell = () => client.setPresence(!presence.idle);

			presence.on('idle', tell);
			presence.on('return', tell);
			tell();
		}
	};

	// The old name makes a client, too.
	class Incus extends Client {}

	return Object.assign(Incus, { Incus, Client, Presence });
});
