// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupsOf, shown } from '../../../web/static/js/lib/sitelist.js';

const sites = [
  { id: 'tw', depth: 0, name: 'trung uong', state: 'ready' },
  { id: 'bg', depth: 1, name: 'tinh bac giang', state: 'offline' },
  { id: 'ln', depth: 2, name: 'luc ngan', state: 'ready' },
  { id: 'yt', depth: 2, name: 'yen the', state: 'offline' },
  { id: 'hn', depth: 1, name: 'ha noi', state: 'ready' },
  { id: 'dd', depth: 2, name: 'dong da', state: 'offline' },
];
const wish = (/** @type {any} */ more) => ({ words: '', state: '', folded: new Set(), ...more });

test('sites below a province belong to it', () => {
  assert.equal(groupsOf(sites).get('yt'), 'bg');
  assert.equal(groupsOf(sites).get('dd'), 'hn');
  assert.equal(groupsOf(sites).get('hn'), '');
});

test('a folded province hides its sites, not itself', () => {
  assert.deepEqual([...shown(sites, wish({ folded: new Set(['bg']) }))], ['tw', 'bg', 'hn', 'dd']);
});

test('a search opens what is folded and keeps the province of what it finds', () => {
  assert.deepEqual([...shown(sites, wish({ words: 'Lục', folded: new Set(['bg']) }))].sort(), ['bg', 'ln']);
  assert.deepEqual([...shown(sites, wish({ words: 'Đống Đa' }))].sort(), ['dd', 'hn']);
  assert.equal(shown(sites, wish({ words: 'không có' })).size, 0);
});

test('the state narrows it to who is here or away', () => {
  assert.deepEqual([...shown(sites, wish({ state: 'here' }))].sort(), ['bg', 'hn', 'ln', 'tw']);
  assert.ok(!shown(sites, wish({ state: 'away' })).has('tw'));
});
