/*
 * push_ways.js - how messages of Bayeux travel; the first third of push.js.
 *
 * Each way says in `usable` whether it is one here, sends batches, and tells
 * its line what was received, or which messages were lost.
 */
(function (root, make) {
	if (typeof module === 'object' && module.exports)
		module.exports = { ways: make(root) };
	else if (!root.Faye)
		root.Faye = { ways: make(root) };
})(typeof globalThis === 'object' ? globalThis : this, (root) => {
	'use strict';

	const CONNECT = '/meta/connect';
	const OPEN_MS = 5000; // for a socket to open, before it is done without
	const QUERY_MAX = 2048; // characters of what one script asks

	const sameOrigin = (url) => root.location === undefined ||
		url.origin === root.location.origin;

	class Transport {
		constructor(line, url) {
			this.line = line;
			this.url = url;
			this.queue = [];
			this.open = true;
		}

		// What is said in one turn goes together; a poll that would hold up
		// the rest is answered at once.
		send(message) {
			this.queue.push(message);
			if (this.queue.length === 1)
				setTimeout(() => this.flush());
		}

		flush() {
			const batch = this.queue;

			this.queue = [];
			if (!this.open || batch.length === 0)
				return;
			if (batch.length > 1 && this.hurries)
				for (const message of batch)
					if (message.channel === CONNECT)
						message.advice = { timeout: 0 };
			this.request(batch);
		}

		// What was to be sent and was not, or not answered.
		close() {
			this.open = false;
			return this.queue;
		}
	}

	class LongPolling extends Transport {
		static usable(line, url) {
			return Promise.resolve(!!line.fetch && sameOrigin(url));
		}

		constructor(line, url) {
			super(line, url);
			this.hurries = true;
			this.running = new Set();
		}

		options(batch) {
			return { body: JSON.stringify(batch),
				headers: { 'Content-Type': 'application/json',
					...this.line.headers } };
		}

		async request(batch) {
			const stop = new root.AbortController();
			const { line } = this;
			let replies;

			this.running.add(stop);
			try {
				const reply = await line.fetch(this.url.href, {
					method: 'POST', credentials: 'include',
					signal: stop.signal, ...this.options(batch) });

				if (!reply.ok)
					throw new Error(`status ${reply.status}`);
				replies = await reply.json();
			} catch {
				if (this.open)
					line.lost(batch, this);
				return;
			} finally {
				this.running.delete(stop);
			}
			line.received(replies);
		}

		close() {
			for (const stop of this.running)
				stop.abort();
			return super.close();
		}
	}

	// Another origin's: a form, which a browser sends without asking first.
	class CrossOrigin extends LongPolling {
		static usable(line, url) {
			return Promise.resolve(!!line.fetch && !sameOrigin(url) &&
				!line.blocked);
		}

		options(batch) {
			return { headers: { ...this.line.headers },
				body: new URLSearchParams({ message: JSON.stringify(batch) }) };
		}
	}

	class CallbackPolling extends Transport {
		static usable() {
			return Promise.resolve(typeof root.document === 'object' &&
				typeof root.document.createElement === 'function');
		}

		constructor(line, url) {
			super(line, url);
			this.hurries = true;
		}

		request(batch) {
			if (batch.length > 1 && this.asked(batch).length > QUERY_MAX)
				for (const message of batch)
					this.script([message]);
			else
				this.script(batch);
		}

		asked(batch) {
			return encodeURIComponent(JSON.stringify(batch));
		}

		script(batch) {
			const { document } = root;
			const script = document.createElement('script');
			const name = `__jsonp${CallbackPolling.count++}__`;
			const url = new URL(this.url.href);
			const over = () => {
				delete root[name];
				script.remove();
			};

			root[name] = (replies) => {
				over();
				this.line.received(replies);
			};
			script.onerror = () => {
				over();
				if (this.open)
					this.line.lost(batch, this);
			};
			script.async = true;
			url.searchParams.set('message', JSON.stringify(batch));
			url.searchParams.set('jsonp', name);
			script.src = url.href;
			document.head.appendChild(script);
		}
	}
	CallbackPolling.count = 1;

	class Socket extends Transport {
		static usable(line, url) {
			if (!line.WebSocket)
				return Promise.resolve(false);
			if (line.socket === undefined || !line.socket.open)
				line.socket = new Socket(line, url);
			return line.socket.ready();
		}

		constructor(line, url) {
			super(line, url);
			this.under = new Map(); // by id, what waits for an answer
		}

		// Open, or opening; false when that fails or takes too long.
		ready() {
			if (this.opening === undefined)
				this.opening = new Promise((resolve) => this.begin(resolve))
					.then((good) => {
						if (!good)
							this.opening = undefined;
						return good;
					});
			return this.opening;
		}

		begin(resolve) {
			const url = new URL(this.url.href);
			let ws;
			const timer = setTimeout(() => {
				resolve(false);
				ws.close();
			}, OPEN_MS);

			url.protocol = url.protocol.replace('http', 'ws');
			try {
				ws = this.ws = new this.line.WebSocket(url.href);
			} catch {
				clearTimeout(timer);
				resolve(false);
				return;
			}
			ws.onopen = () => {
				clearTimeout(timer);
				this.ping();
				resolve(true);
			};
			ws.onmessage = ({ data }) => this.heard(data);
			ws.onerror = () => {};
			ws.onclose = () => {
				clearTimeout(timer);
				resolve(false);
				this.ended(ws);
			};
		}

		heard(text) {
			let replies;

			try {
				replies = JSON.parse(text);
			} catch {
				return;
			}
			for (const reply of [].concat(replies))
				if (reply && reply.successful !== undefined)
					this.under.delete(reply.id);
			this.line.received(replies);
		}

		// So that no proxy takes it for idle.
		ping() {
			clearTimeout(this.pings);
			this.pings = setTimeout(() => {
				this.say('[]');
				this.ping();
			}, this.line.timeout * 500);
			if (this.pings.unref)
				this.pings.unref();
		}

		say(text) {
			if (this.ws && this.ws.readyState === 1)
				this.ws.send(text);
		}

		async request(batch) {
			for (const message of batch)
				this.under.set(message.id, message);
			if (await this.ready())
				this.write(batch);
			else if (this.open)
				this.fell([...this.under.values()]);
		}

		// What goes together is answered together, so a poll goes alone.
		write(batch) {
			const polls = batch.filter(({ channel }) => channel === CONNECT);
			const rest = batch.filter(({ channel }) => channel !== CONNECT);

			for (const one of [rest, ...polls.map((poll) => [poll])])
				if (one.length !== 0)
					this.say(JSON.stringify(one));
		}

		fell(batch) {
			this.under.clear();
			if (batch.length !== 0)
				this.line.lost(batch, this);
		}

		ended(ws) {
			if (this.ws !== ws)
				return;
			clearTimeout(this.pings);
			this.opening = undefined;
			if (this.open)
				this.fell([...this.under.values()]);
		}

		close() {
			const left = [...super.close(), ...this.under.values()];

			clearTimeout(this.pings);
			this.under.clear();
			if (this.ws)
				this.ws.close();
			return left;
		}
	}

	// The best first.
	return [['websocket', Socket], ['long-polling', LongPolling],
		['cross-origin-long-polling', CrossOrigin],
		['callback-polling', CallbackPolling]];
});
