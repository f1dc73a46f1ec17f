/* SPDX-License-Identifier: Apache-2.0 */
/* What comes is the <main> of a newer page, made and escaped by vipd. Only what differs is changed, so that focus, open
 * details and screen readers stay where they are. Tabs that nobody sees do not listen. */
'use strict';
(() => {
	const silence = 12000; /* vipd says something every 5 seconds */
	const patience = 2000; /* a control process that is replaced is back by then */
	const pause = 5000; /* between two looks, where the stream has no place for us */
	const again = 30000; /* and between two questions whether it has */
	const gone = document.getElementById('gone');
	/* Limits are by the clock that nobody sets; `seen` is for people. */
	const now = () => performance.now();
	let stream = null, heard = now(), seen = new Date(), failing = null, looked = -Infinity, asked = -Infinity;

	function localize(root) {
		for (const time of root.querySelectorAll('time'))
			time.textContent = new Date(time.dateTime).toLocaleString([], {hourCycle: 'h23'});
	}

	function morph(old, fresh) {
		if (old.nodeType !== Node.ELEMENT_NODE) {
			if (old.data !== fresh.data)
				old.data = fresh.data;
			return;
		}
		for (const {name} of [...old.attributes])
			if (name !== 'open' && !fresh.hasAttribute(name))
				old.removeAttribute(name);
		for (const {name, value} of fresh.attributes)
			if (old.getAttribute(name) !== value)
				old.setAttribute(name, value);
		const before = [...old.childNodes], after = [...fresh.childNodes];
		after.forEach((child, i) => {
			if (!before[i])
				old.append(child);
			else if (before[i].nodeName !== child.nodeName)
				before[i].replaceWith(child);
			else
				morph(before[i], child);
		});
		before.slice(after.length).forEach(child => child.remove());
	}

	function take(text) {
		const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
		if (!fresh)
			return;
		localize(fresh);
		morph(document.querySelector('main'), fresh);
		alive();
	}

	function alive() {
		heard = now();
		seen = new Date();
		failing = null;
		show();
	}

	function show() {
		const {title, node} = document.querySelector('main').dataset;
		const old = failing !== null && now() - failing > patience || now() - heard > silence;
		document.title = old ? 'No answer from vipd' : title;
		if (old === !gone.hidden)
			return;
		document.body.classList.toggle('old', old);
		gone.textContent = old ? `No answer from vipd on ${node} since ` +
			`${seen.toLocaleTimeString([], {hourCycle: 'h23'})}: what stands below is old. The page of another server shows what is. ` +
			'Look there: systemctl status vipd' : '';
		gone.hidden = !old;
	}

	function fail() {
		failing ??= now();
		show();
	}

	function look() {
		looked = now();
		fetch('/', {cache: 'no-store'}).then(answer => answer.ok ? answer.text() : Promise.reject()).then(take).catch(fail);
	}

	function listen() {
		asked = now();
		stream = new EventSource('/page/events');
		stream.onmessage = event => take(event.data);
		stream.addEventListener('beat', alive);
		stream.onerror = () => {
			fail();
			if (stream.readyState === EventSource.CLOSED) {
				stream = null;
				look();
			}
		};
	}

	function visible() {
		if (document.hidden) {
			stream?.close();
			stream = null;
			return;
		}
		heard = now();
		listen();
	}

	document.addEventListener('visibilitychange', visible);
	setInterval(() => {
		if (document.hidden)
			return;
		show();
		if (!stream && now() - asked > again)
			listen();
		else if (!stream && now() - looked > pause)
			look();
	}, 1000);
	localize(document);
	visible();
})();
