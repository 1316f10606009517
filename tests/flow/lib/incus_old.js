// incus_old.js - clients that behave as the two that Incus' users have in
// their pages (the old script, and the module after it), to see that they
// find here what they expect.  Written from what they do, for Node and for a
// page: it is given to a page as text, and uses nothing but what a page has.
//
// What both do: one poll from the first moment, a socket beside it; the open
// socket ends the poll, authenticates and sets the page without waiting for
// an answer.  A poll that ends is followed by the next at once, until six
// failed; a socket that closes is opened again after a second, until it did
// so six times, and the poll never comes back.
export function incusOld(root) {
	const RETRIES = 6;
	const AGAIN_MS = 1000;

	class Base {
		constructor(url, user, page) {
			Object.assign(this, { url, user, page, handlers: {}, polls: 0,
				sockets: 0, pollErrors: 0, socketErrors: 0,
				socketConnected: false, statuses: [], over: false,
				opened: 0, beats: 0 });
			this.poll();
			if (root.WebSocket)
				this.connect();
		}

		seconds() {
			return Math.floor(Date.now() / 1000);
		}

		newCommand(command, message = {}) {
			return JSON.stringify({ command,
				message: { ...message, time: this.seconds() } });
		}

		MessageUser(event, user, data) {
			this.send(this.newCommand({ command: 'message', user },
				{ event, data }));
		}

		MessagePage(event, page, data) {
			this.send(this.newCommand({ command: 'message', page },
				{ event, data }));
		}

		MessageAll(event, data) {
			this.send(this.newCommand({ command: 'message' },
				{ event, data }));
		}

		setPage(page) {
			this.page = page;
			if (this.socketConnected)
				this.send(this.newCommand({ command: 'setpage', page }));
			else
				this.again();
		}

		send(text) {
			if (this.socketConnected)
				this.socket.send(text);
			else
				this.again(text);
		}

		// ---- Poll

		again(command) {
			this.request.over = true;
			this.request.abort?.();
			this.poll(command);
		}

		async poll(command) {
			const request = this.request = this.newRequest();

			this.polls++;
			this.pending = command;
			const { status, body } = await request.get(`${this.url}/lp?` +
				Object.entries({ user: this.user, page: this.page, command })
					.filter(([, value]) => value)
					.map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&'));

			if (request.over || this.over)
				return;
			this.statuses.push(status);
			if (status === 200 || (status === 204 && this.counts204 === false))
				this.pending = undefined;
			else
				this.pollErrors++;
			if (status !== 0 && this.pollErrors < RETRIES)
				this.poll();
			if (status === 200 && body !== '')
				this.take(body);
			if (status === 200)
				this.connected();
		}

		newRequest() {
			const abort = new root.AbortController();

			return {
				abort: () => abort.abort(),
				get: (url) => root.fetch(url, { signal: abort.signal })
					.then(async (reply) =>
						({ status: reply.status, body: await reply.text() }))
					.catch(() => ({ status: 0, body: '' })),
			};
		}

		// ---- Socket

		connect() {
			const socket = this.socket = new root.WebSocket(
				`${this.url.replace('https', 'wss').replace('http', 'ws')}/socket`);

			this.sockets++;
			socket.onopen = () => {
				this.socketConnected = true;
				this.opened++;
				this.request.over = true;
				this.request.abort();
				socket.send(this.newCommand({ command: 'authenticate',
					user: this.user }));
				if (this.page)
					socket.send(this.newCommand({ command: 'setpage',
						page: this.page }));
				if (this.replays && this.pending)
					socket.send(this.pending);
				this.connected();
			};
			socket.onmessage = ({ data }) => this.take(data);
			socket.onerror = () => {};
			socket.onclose = () => {
				if (!this.over && this.socketErrors++ <= RETRIES)
					setTimeout(() => this.over || this.connect(), AGAIN_MS);
			};
		}

		close() {
			this.over = true;
			this.request.over = true;
			this.request.abort();
			this.socket?.close();
		}

		// ---- What comes

		take(data) {
			if (data === '') {
				this.beats++;
				this.socketErrors = 0;
				return;
			}
			const message = JSON.parse(data);

			if ('event' in message)
				this.emit(message.event, message.data);
		}
	}

	// The script: one handler per name, `connect` fires once, and a poll that
	// ends with 204 has failed.
	class Script extends Base {
		on(name, fn) {
			this.handlers[name] = fn;
		}

		emit(name, data) {
			this.handlers[name]?.(data);
		}

		connected() {
			const fn = this.handlers.connect;

			delete this.handlers.connect;
			fn?.();
		}
	}

	// The module: many handlers, whose names cannot be `connect`, and what an
	// aborted poll had to say is said again on the socket.
	class Module extends Base {
		get counts204() {
			return false;
		}

		get replays() {
			return true;
		}

		on(name, fn) {
			(this.handlers[name] ??= []).push(fn);
		}

		emit(name, data) {
			for (const fn of this.handlers[name] ?? [])
				fn(data);
		}

		connected() {}
	}

	return { Script, Module };
}
