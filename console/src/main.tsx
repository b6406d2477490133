import { render } from 'preact';
import './style/base.css';
import './style/parts.css';
import './style/views.css';
import './style/reference.css';
import { App } from './app.js';
import { openSession } from './state/session.js';

const root = document.getElementById('console');
if (root === null) throw new Error('the page has no place for the console');
render(<App />, root);
void openSession();
