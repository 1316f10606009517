/*
 * pandapush.js - a client of Faye's that shows tokens, for pages and Node.
 *
 *	const client = new Pandapush.Client('http://host:4000/push');
 *	client.subscribeTo('/app/private/news', token, (data, channel) => ...);
 *	client.publishTo('/app/private/news', token, { text: 'hi' });
 *
 * A token is text, or null, or a function that returns one, or a promise of
 * one: it is called whenever one is to be shown, so also when the server
 * has forgotten the client and is subscribed to again.
 */
(function (root, make) {
	if (typeof module === 'object' && module.exports)
		module.exports = make(module.exports.Client ? module.exports :
			require('./push.js'));
	else
		root.Pandapush = make(root.Faye);
})(typeof globalThis === 'object' ? globalThis : this, (Faye) => {
	'use strict';

	const SUBSCRIBE = '/meta/subscribe';

	// What is to be published, on its way to the extension below.
	class Shown {
		constructor(data, token) {
			this._originalData = data;
			this._token = token;
		}
	}

	const show = (message, token) => token ? { ...message,
		ext: { ...message.ext, auth: { token } } } : message;

	// Calls back with the message and the token in it.
	function withToken(message, token, done) {
		const text = typeof token === 'function' ? token() : token;

		if (text && typeof text.then === 'function')
			text.then((t) => done(show(message, t)), () => done(message));
		else
			done(show(message, text));
	}

	class Client extends Faye.Client {
		constructor(url, options) {
			super(url, options);
			this.tokens = new Map(); // by channel or pattern
			this.rosters = new Map(); // of sets of who hears who is there
			this.addExtension({
				outgoing: (message, done) => this.leaving(message, done),
				incoming: (message, done) => this.coming(message, done),
			});
		}

		leaving(message, done) {
			const { channel, subscription, data } = message;

			if (data instanceof Shown)
				withToken({ ...message, data: data._originalData },
					data._token, done);
			else if (channel === SUBSCRIBE && this.tokens.has(subscription))
				withToken(message, this.tokens.get(subscription), done);
			else
				done(message);
		}

		// Who is there stands in the answer to a subscription.
		coming(message, done) {
			const { channel, subscription, successful, ext } = message;
			const heard = channel === SUBSCRIBE && successful && ext &&
				ext.presence;

			if (heard)
				for (const fn of this.rosters.get(subscription) || [])
					try {
						fn(ext.presence, subscription);
					} catch (e) {
						setTimeout(() => {
							throw e;
						});
					}
			done(message);
		}

		// fn(data, channel); on a channel of presence also what the answer
		// tells.
		subscribeTo(channel, token, fn) {
			const heard = this.rosters.get(channel) || new Set();
			let one;

			this.tokens.set(channel, token);
			this.rosters.set(channel, heard.add(fn));
			one = this.subscribe(channel)
				.withChannel((name, data) => fn(data, name));
			one.roster = () => heard.delete(fn);
			one.then(undefined, one.roster);
			return one;
		}

		unsubscribe(channel, one) {
			super.unsubscribe(channel, one);
			if (one && one.roster)
				one.roster();
			if (typeof channel === 'string' && one === undefined) {
				this.tokens.delete(channel);
				this.rosters.delete(channel);
			}
		}

		publishTo(channel, token, data) {
			return this.publish(channel, new Shown(data, token));
		}
	}

	return { Client, Faye };
});
