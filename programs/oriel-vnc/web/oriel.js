// SPDX-License-Identifier: MIT
/*
 * The page's program: noVNC's RFB class in a window, and what state it is in.
 *
 * The token is in the URL's fragment, which browsers keep to themselves, and goes to the server as a
 * protocol of the WebSocket. A WebSocket that is refused does not say why, so the token is tried
 * first.
 */
import RFB from './novnc/core/rfb.js';

const element = id => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get('token') || '';
let rfb = null;
let wasIn = false;

function say(state, text) {
	element('state').textContent = state;
	element('notice').hidden = text === undefined;
	element('text').textContent = text || '';
	element('reload').hidden = text === undefined;
	document.body.dataset.state = state;
}

function askPassword() {
	say('password', 'This machine asks for a password.');
	element('ask').hidden = false;
	element('reload').hidden = true;
	element('password').focus();
}

function handleConnect() {
	wasIn = true;
	say('connected');
	rfb.focus();
}

function handleDisconnect(event) {
	rfb = null;
	if (document.body.dataset.state === 'wrong password') {
		return;
	}
	if (!wasIn) {
		say('refused', 'The machine took no connection: too many viewers, or it has ended.');
	} else if (event.detail.clean) {
		say('disconnected', 'Disconnected.');
	} else {
		say('disconnected', 'The connection is lost.');
	}
}

function connect() {
	const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
	rfb = new RFB(element('screen'), `${scheme}://${location.host}/websocket`,
		{ wsProtocols: ['binary', `oriel.${token}`] });
	rfb.scaleViewport = true;
	rfb.resizeSession = element('fit').checked;
	rfb.showDotCursor = true;
	rfb.qualityLevel = 8;
	rfb.compressionLevel = 1;
	rfb.background = '#18191b';
	rfb.addEventListener('connect', handleConnect);
	rfb.addEventListener('disconnect', handleDisconnect);
	rfb.addEventListener('credentialsrequired', askPassword);
	rfb.addEventListener('securityfailure', () => say('wrong password', 'That was not the password.'));
	rfb.addEventListener('desktopname', event => {
		element('name').textContent = event.detail.name;
		document.title = event.detail.name;
	});
	window.oriel = rfb; // for whoever tests this page
}

async function start() {
	say('connecting');
	try {
		const answer = await fetch('check', { headers: { Authorization: `Bearer ${token}` } });
		if (answer.status === 403) {
			say('wrong token', 'The token in this address is wrong or missing. It changes each time the ' +
				'program starts; take the address that it printed last.');
			return;
		}
	} catch (error) {
		say('disconnected', 'The machine does not answer.');
		return;
	}
	connect();
}

element('ask').addEventListener('submit', event => {
	event.preventDefault();
	element('ask').hidden = true;
	say('connecting');
	rfb.sendCredentials({ password: element('password').value });
	element('password').value = '';
});
element('reload').addEventListener('click', () => location.reload());
element('cad').addEventListener('click', () => {
	if (rfb) {
		rfb.sendCtrlAltDel();
		rfb.focus();
	}
});
element('full').addEventListener('click', () => {
	element('screen').requestFullscreen();
	if (rfb) {
		rfb.focus();
	}
});
element('fit').addEventListener('change', () => {
	if (rfb) {
		rfb.resizeSession = element('fit').checked;
		rfb.focus();
	}
});
window.addEventListener('hashchange', () => location.reload());
start();
